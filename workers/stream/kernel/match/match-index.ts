// Which channels want this event? Channels are filed by the rarest thing their filters ask for; an event looks up its own
// values and meets only the channels that are filed there. Adding or removing a channel touches its own filings alone.
//
// Where a channel is filed depends on the traffic, so a few channels at a time are looked at again while it flows: those
// that are met often and might be found by something rarer.

import type { AttributeTable } from './attribute-table.ts';
import type { EventView } from './event-view.ts';
import { type Candidate, type Filing, Posting } from './posting.ts';
import { allTrue, type Predicate } from './predicate.ts';
import type { TrafficSample } from './traffic-sample.ts';
import { type Ways, waysOf } from './ways.ts';

/** A channel in the index. */
export interface Indexed extends Candidate {
  /** The whole filter; null takes every event. */
  readonly filter: Predicate | null;
  filings: Filing[];
  /** Null: scanned. */
  ways: Ways | null;
  /** Events, and how often the channel was met, when it was looked at last. */
  seenEvents: number;
  seenVisits: number;
}

/** Called for each channel that wants the event; once, however many ways lead to it. */
export type OnMatch<C extends Indexed> = (channel: C) => void;

/** A channel that is met less often than this is well filed, whatever else there is. */
const RARE = 1 / 256;
/** A new place must promise at least this much fewer meetings. */
const WORTH = 0.5;

export class MatchIndex<C extends Indexed> {
  readonly #attributes: AttributeTable;
  readonly #sample: TrafficSample;
  readonly #channels: C[] = [];
  readonly #places = new Map<C, number>();
  readonly #scanned: Posting = new Posting(() => {});
  #lookAt = 0;
  #events = 0;
  readonly #visit: (posting: Posting) => void;

  constructor(view: EventView, attributes: AttributeTable, sample: TrafficSample, onMatch: OnMatch<C>) {
    this.#attributes = attributes;
    this.#sample = sample;
    this.#visit = (posting) => {
      const { serial } = view;
      const { filings } = posting;
      posting.visits++;
      for (let i = 0; i < filings.length; i++) {
        const filing = filings[i];
        if (filing === undefined || filing.candidate.serial === serial || !allTrue(filing.rest)) continue;
        filing.candidate.serial = serial;
        onMatch(filing.candidate as C); // only channels of this index are filed
      }
    };
  }

  add(channel: C): void {
    this.#places.set(channel, this.#channels.push(channel) - 1);
    this.#sample.measure(leavesOf(channel.filter));
    this.#file(channel, this.#waysOf(channel));
  }

  remove(channel: C): void {
    this.#unfile(channel);
    const place = this.#places.get(channel);
    const last = this.#channels.pop();
    this.#places.delete(channel);
    if (place === undefined || last === undefined || last === channel) return;
    this.#channels[place] = last;
    this.#places.set(last, place);
  }

  /** Finds all channels that want the event at hand. */
  match(): void {
    this.#events++;
    if (this.#scanned.filings.length > 0) this.#visit(this.#scanned);
    const { active } = this.#attributes;
    for (let i = 0; i < active.length; i++) active[i]?.visit(this.#visit);
  }

  /** Looks at `count` channels again, and files them anew where the traffic says so. No event may be at hand. */
  refile(count: number): void {
    const doubtful: C[] = [];
    for (let left = Math.min(count, this.#channels.length); left > 0; left--) {
      this.#lookAt = (this.#lookAt + 1) % this.#channels.length;
      const channel = this.#channels[this.#lookAt];
      if (channel !== undefined && this.#isDoubtful(channel)) doubtful.push(channel);
    }
    if (doubtful.length === 0) return;
    this.#sample.measure(new Set(doubtful.flatMap(({ filter }) => leavesOf(filter))));
    for (const channel of doubtful) {
      const better = this.#waysOf(channel);
      if (better === null || channel.ways === null || better.key === channel.ways.key) continue;
      if (better.rate() > channel.ways.rate() * WORTH) continue;
      this.#unfile(channel);
      this.#file(channel, better);
    }
  }

  /** Met often, and there is something else it could be found by. */
  #isDoubtful(channel: C): boolean {
    const visits = visitsOf(channel);
    const share = (visits - channel.seenVisits) / Math.max(1, this.#events - channel.seenEvents);
    channel.seenVisits = visits;
    channel.seenEvents = this.#events;
    return share > RARE && channel.ways !== null && channel.filter?.kind !== 'leaf';
  }

  #waysOf({ filter }: C): Ways | null {
    return filter === null ? null : waysOf(filter);
  }

  #file(channel: C, ways: Ways | null): void {
    channel.ways = ways;
    const rest = channel.filter ? [channel.filter] : [];
    const found = ways === null ? [{ postings: () => [this.#scanned], rest }] : ways.ways;
    channel.filings = [];
    for (const way of found) {
      for (const posting of way.postings()) {
        const filing: Filing = { candidate: channel, rest: way.rest, posting: null, at: 0 };
        posting.add(filing);
        channel.filings.push(filing);
      }
    }
    channel.seenVisits = visitsOf(channel);
    channel.seenEvents = this.#events;
  }

  #unfile({ filings }: C): void {
    for (const filing of filings) filing.posting?.remove(filing);
  }
}

const visitsOf = ({ filings }: Indexed): number =>
  filings.reduce((sum, { posting }) => sum + (posting?.visits ?? 0), 0);

/** The clauses of a filter. */
export function leavesOf(filter: Predicate | null): readonly Predicate[] {
  if (filter === null) return [];
  return filter.parts.length === 0 ? [filter] : filter.parts.flatMap(leavesOf);
}
