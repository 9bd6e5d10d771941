// A model of one Kafka partition and of the workers that own it one after the other, for property tests of the edge. It
// follows the lane contract; the faults (loss, doubles, reordering, zombies, forgotten lanes) are the test's to inject.

import type { Interest } from '../../../schemas/coordination.ts';
import { afterRecord, beforeRecord, type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import { EnvelopeReader } from '../../../schemas/envelope-reader.ts';
import { type Envelope, envelopeByteLength, writeEnvelope } from '../../../schemas/lane-envelope.ts';

export const TOPIC_ID = 3;

export interface SimulatedEvent {
  readonly cursor: Cursor;
  /** Unique in its partition. */
  readonly n: number;
}

/** Every other event matches "even"; all match anything else. */
export const matches = (filter: string, { n }: SimulatedEvent): boolean => filter !== 'even' || n % 2 === 0;

interface Owner {
  readonly epoch: number;
  at: Cursor;
  view: ReadonlyMap<string, Interest>;
  readonly joined: Map<string, number>;
  isFirst: boolean;
}

const filterOf = ({ plan }: Pick<Interest, 'plan'>): string => (plan as { filter: string }).filter;

export class SimulatedPartition {
  readonly partition: number;
  readonly events: SimulatedEvent[] = [];
  /** Records before it are gone from Kafka. */
  firstRecord = 0;
  #records = 0;
  #owner: Owner;
  readonly #zombies: Owner[] = [];

  constructor(partition: number) {
    this.partition = partition;
    this.#owner = newOwner(1, beforeRecord(0), new Map());
  }

  /** Appends a record with so many events. */
  produce(eventCount: number): void {
    const offset = this.#records++;
    for (let index = 0; index < eventCount; index++)
      this.events.push({ cursor: { offset, index }, n: this.events.length });
  }

  /** The owner reads the interest as it stands. */
  sync(interest: ReadonlyMap<string, Interest>): void {
    this.#owner.view = new Map(interest);
  }

  /** @returns what the owner sends after at most so many records; null when the lane wants nothing of the topic */
  pump(maxRecords: number): Envelope | null {
    return this.#pump(this.#owner, maxRecords);
  }

  pumpZombie(maxRecords: number): Envelope | null {
    const zombie = this.#zombies.at(-1);
    return zombie ? this.#pump(zombie, maxRecords) : null;
  }

  /** A new owner begins so many records before the old one, which may go on as a zombie. */
  changeOwner(back: number, interest: ReadonlyMap<string, Interest>): void {
    const old = this.#owner;
    this.#zombies.push(old);
    this.#owner = newOwner(old.epoch + 1, beforeRecord(Math.max(0, old.at.offset + 1 - back)), new Map(interest));
  }

  /** The owner believes the edge dead, works on without it, and takes it up again. */
  forgetLane(skippedRecords: number): void {
    this.#owner.at = afterRecord(Math.min(this.#records - 1, this.#owner.at.offset + skippedRecords));
    this.#owner.joined.clear();
  }

  /** Kafka deletes all but the last so many records. */
  expire(kept: number): void {
    this.firstRecord = Math.max(this.firstRecord, this.#records - kept);
  }

  /** A worker's view of the interest, which may lag behind. */
  get interest(): ReadonlyMap<string, Interest> {
    return this.#owner.view;
  }

  /**
   * One answer to a replay: the part that is gone, then at most so many records, in an envelope each.
   *
   * @param names the first envelope says what was run, as for a repair
   */
  replay(
    requestId: number,
    wanted: readonly Interest[],
    { from, end, maxRecords, names }: { from: Cursor; end: Cursor; maxRecords: number; names: boolean },
  ): Envelope[] {
    const answer: Envelope[] = [];
    const kind = 'replay';
    const lowest = beforeRecord(this.firstRecord);
    let at = from;
    if (compareCursors(at, lowest) < 0 && compareCursors(at, end) < 0) {
      const to = earlier(lowest, end);
      const last = compareCursors(to, end) === 0;
      answer.push({ ...this.#envelope(at, to, [], { kind, requestId, expired: true, last }), events: [] });
      at = to;
      if (last) return answer;
    }
    const stop = earlier(afterRecord(at.offset + maxRecords), end);
    let joined = names ? wanted.map(({ channel, generation }) => ({ channel, generation })) : [];
    do {
      const to = earlier(afterRecord(at.offset + 1), stop);
      const last = compareCursors(to, stop) === 0;
      answer.push(this.#envelope(at, to, wanted, { kind, requestId, last, joined }));
      joined = [];
      at = to;
    } while (compareCursors(at, stop) < 0);
    return answer;
  }

  #pump(owner: Owner, maxRecords: number): Envelope | null {
    const to = afterRecord(Math.min(this.#records - 1, owner.at.offset + maxRecords));
    const from = owner.at;
    owner.at = compareCursors(to, from) > 0 ? to : from;
    for (const channel of owner.joined.keys()) if (!owner.view.has(channel)) owner.joined.delete(channel);
    if (owner.view.size === 0) return null;
    const notices = [...owner.view.values()].filter(
      ({ channel, generation }) => owner.isFirst || owner.joined.get(channel) !== generation,
    );
    owner.isFirst = false;
    for (const { channel, generation } of notices) owner.joined.set(channel, generation);
    const joined = notices.map(({ channel, generation }) => ({ channel, generation }));
    return this.#envelope(from, owner.at, [...owner.view.values()], { kind: 'live', epoch: owner.epoch, joined });
  }

  #envelope(
    from: Cursor,
    to: Cursor,
    wanted: readonly Pick<Interest, 'channel' | 'plan'>[],
    rest: Partial<Envelope>,
  ): Envelope {
    const inside = this.events.filter(
      ({ cursor }) => compareCursors(cursor, from) > 0 && compareCursors(cursor, to) <= 0,
    );
    const channels = wanted.map((interest) => ({
      channel: interest.channel,
      refs: inside.flatMap((event, i) => (matches(filterOf(interest), event) ? [i] : [])),
    }));
    return {
      kind: 'live',
      topicId: TOPIC_ID,
      partition: this.partition,
      epoch: 0,
      requestId: 0,
      from,
      to,
      oldestRecordMs: 1,
      receivedMs: 1,
      publishedMs: 1,
      last: false,
      expired: false,
      joined: [],
      events: inside.map(({ cursor, n }) => ({ cursor, bytes: Buffer.from(JSON.stringify(n)) })),
      channels: channels.filter(({ refs }) => refs.length > 0),
      ...rest,
    };
  }
}

const earlier = (a: Cursor, b: Cursor): Cursor => (compareCursors(a, b) <= 0 ? a : b);

const newOwner = (epoch: number, at: Cursor, view: ReadonlyMap<string, Interest>): Owner => ({
  epoch,
  at,
  view,
  joined: new Map(),
  isFirst: true,
});

/** As it arrives at the edge. */
export function overTheWire(envelope: Envelope): EnvelopeReader {
  const bytes = Buffer.alloc(envelopeByteLength(envelope));
  writeEnvelope(envelope, bytes, 0);
  return new EnvelopeReader(bytes);
}
