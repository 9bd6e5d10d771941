// Tries one filter on real records with the kernel's own parts: how its events are found, how many match, and what that
// costs. No I/O; time comes as a function, because time is what it measures.
//
// The cost is a difference: the same records are walked without the filter, with it, and with it and its output, in turns.

import { CONFLUENT_HEADER_BYTES, encodeConfluent } from '../../../schemas/confluent-wire.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Channel, MatchedChannel } from '../kernel/channel.ts';
import { readChannelPlan } from '../kernel/channel-plan.ts';
import { type MatchCollector, TopicMatcher } from '../kernel/topic-matcher.ts';
import { JsonSink } from '../kernel/transcode/json-sink.ts';
import type { WriterSchema } from '../kernel/writer-schemas.ts';
import { SlabReader } from '../slab.ts';
import { schemasOf } from './event-count.ts';
import type { MeasureAnswer, Measurement, MeasureTask } from './explain-task.ts';
import { foundFilters, foundOnSchema } from './found-filter.ts';
import { ReadableEvents } from './readable-events.ts';
import { fastestTurnsMs, type TurnTimes } from './turn-times.ts';

/** How long one trial may work. */
export interface TrialTimes extends TurnTimes {
  /** The first turn, which counts the matches, leaves out the oldest records beyond this. */
  readonly countMs: number;
  /** Turns go over as many of the newest records as take about this long at first. */
  readonly turnMs: number;
}

interface TriedRecord {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly skip: number;
  /** By place: 1 for an event that may be read; null: all may. */
  readonly readable: Uint8Array | null;
  readonly matchers: Matchers;
}

/** For one writer's schema. */
interface Matchers {
  readonly schema: WriterSchema;
  readonly without: TopicMatcher;
  readonly with: TopicMatcher;
  events: number;
}

type Turn = 'without' | 'with' | 'output';

/** Counts, and writes what matched when it is told to. */
class TrialCollector implements MatchCollector {
  readonly sink = new JsonSink();
  readonly isWithinLimit = true;
  skip = 0;
  readable: Uint8Array | null = null;
  events = 0;
  matched = 0;
  writes = false;

  beginEvent(index: number): boolean {
    if (this.readable === null ? index < this.skip : this.readable[index] !== 1) return false;
    this.events++;
    return true;
  }

  collect({ projection }: MatchedChannel): void {
    this.matched++;
    if (!this.writes) return;
    this.sink.end = 0;
    projection.transcode();
  }
}

export class FilterTrial {
  readonly #nowMs: () => number;
  readonly #times: TrialTimes;
  readonly #collector = new TrialCollector();
  readonly #matchers = new Map<WriterSchema, Matchers>();
  readonly #task: Omit<MeasureTask, 'kind'>;

  constructor(task: Omit<MeasureTask, 'kind'>, nowMs: () => number, times: TrialTimes) {
    this.#task = task;
    this.#nowMs = nowMs;
    this.#times = times;
  }

  /** @throws MdsError when the plan cannot be read, or does not fit a schema */
  run(): MeasureAnswer {
    const records = this.#records();
    const channel = this.#channel();
    // The rates of the filter's clauses come from the traffic, so the traffic comes first.
    for (const record of records) this.#walk(record, 'with');
    for (const matchers of this.#matchers.values()) this.#add(channel, matchers);
    if (records.length === 0) return { found: this.#found(channel), measured: null, records: 0, problem: null };
    const { walked, firstMs, ...counted } = this.#count(records, channel);
    const found = this.#found(channel);
    const share = Math.min(1, this.#times.turnMs / firstMs);
    const costs = this.#costs(records.slice(0, Math.max(1, Math.ceil(walked * share))));
    return { found, measured: { ...counted, ...costs }, records: walked, problem: null };
  }

  #records(): TriedRecord[] {
    const { slabs, picks, mandatory } = this.#task;
    const readable = mandatory === undefined ? null : new ReadableEvents(mandatory);
    const schemas = schemasOf(this.#task.schemas);
    const readers = slabs.map((slab) => new SlabReader(slab));
    const records: TriedRecord[] = [];
    for (let i = 0; i < picks.length; i += 3) {
      const [slab = 0, place = 0, skip = 0] = picks.subarray(i, i + 3);
      const reader = readers[slab];
      if (!reader) throw new RangeError(`slab ${slab} of ${slabs.length}`);
      const { bytes } = reader;
      const valueStart = reader.valueStart(place);
      const end = valueStart + reader.valueLength(place);
      const schema = schemas.of(bytes, valueStart, end);
      const places = readable && placesOf(readable.of(schema, bytes, valueStart, end).slice(skip));
      const start = valueStart + CONFLUENT_HEADER_BYTES;
      records.push({ bytes, start, end, skip, readable: places, matchers: this.#matchersOf(schema) });
    }
    if (picks.length === 0) {
      for (const { schemaId } of this.#task.schemas) {
        this.#matchersOf(schemas.of(encodeConfluent(schemaId, NO_BYTES), 0, CONFLUENT_HEADER_BYTES));
      }
    }
    return records;
  }

  #matchersOf(schema: WriterSchema): Matchers {
    const known = this.#matchers.get(schema);
    if (known) return known;
    const { sink } = this.#collector;
    const made: Matchers = {
      schema,
      without: new TopicMatcher(schema, sink, this.#collector),
      with: new TopicMatcher(schema, sink, this.#collector),
      events: 0,
    };
    this.#matchers.set(schema, made);
    return made;
  }

  #channel(): Channel {
    const { channel: id, topicId } = this.#task;
    const plan = readChannelPlan(this.#task.plan);
    return { id, idBytes: Buffer.from(id, 'hex'), number: 0, topicId, plan, lanes: new Map(), laneNumbers: [] };
  }

  #add(channel: Channel, { with: matcher }: Matchers): void {
    matcher.add(channel);
    const [failure] = matcher.failures.values();
    if (failure) throw new MdsError('MDS_PLAN_CORRUPT', { reason: failure.message });
  }

  #found(channel: Channel): MeasureAnswer['found'] {
    const perSchema = [...this.#matchers.values()].map(({ schema, with: matcher, events }) => ({
      schemaId: schema.schemaId,
      events,
      found: foundOnSchema(matchedBy(matcher, channel)),
    }));
    return foundFilters(perSchema);
  }

  /** One turn over all records, or as many as there is time for. */
  #count(records: readonly TriedRecord[], channel: Channel) {
    const collector = this.#collector;
    const visitsBefore = this.#visits(channel);
    const startedMs = this.#nowMs();
    collector.events = 0;
    collector.matched = 0;
    let walked = 0;
    for (const record of records) {
      const before = collector.events;
      this.#walk(record, 'with');
      record.matchers.events += collector.events - before;
      walked++;
      if (this.#nowMs() - startedMs > this.#times.countMs) break;
    }
    const { events, matched } = collector;
    const tested = this.#visits(channel) - visitsBefore;
    return { events, matched, tested, walked, firstMs: this.#nowMs() - startedMs };
  }

  #visits(channel: Channel): number {
    let visits = 0;
    for (const { with: matcher } of this.#matchers.values()) {
      for (const { posting } of matchedBy(matcher, channel).filings) visits += posting?.visits ?? 0;
    }
    return visits;
  }

  #costs(
    records: readonly TriedRecord[],
  ): Pick<Measurement, 'walkMsPerMillion' | 'filterMsPerMillion' | 'outputMsPerMillion'> {
    let walked = 0;
    const turns = TURNS.map((turn) => (repeats: number) => {
      walked = this.#turn(records, turn, repeats);
    });
    const [without = 0, found = 0, written = 0] = fastestTurnsMs(turns, this.#nowMs, this.#times);
    const { events } = this.#collector; // of the last turn; those that were skipped in their record were only walked
    const perMillion = (ms: number, count: number): number => (Math.max(0, ms) / Math.max(1, count)) * 1e6;
    return {
      walkMsPerMillion: perMillion(without, walked),
      filterMsPerMillion: perMillion(found - without, events),
      outputMsPerMillion: perMillion(written - found, events),
    };
  }

  /** @returns events walked each time, those that are skipped too */
  #turn(records: readonly TriedRecord[], turn: Turn, repeats: number): number {
    const collector = this.#collector;
    let walked = 0;
    collector.writes = turn === 'output';
    for (let left = repeats; left > 0; left--) {
      walked = 0;
      collector.events = 0;
      for (const record of records) walked += this.#walk(record, turn);
    }
    collector.writes = false;
    return walked;
  }

  #walk({ bytes, start, end, skip, readable, matchers }: TriedRecord, turn: Turn): number {
    this.#collector.skip = skip;
    this.#collector.readable = readable;
    const matcher = turn === 'without' ? matchers.without : matchers.with;
    return matcher.record(bytes, start, end);
  }
}

const TURNS: readonly Turn[] = ['without', 'with', 'output'];
const NO_BYTES = new Uint8Array(0);

function placesOf(readable: readonly number[]): Uint8Array {
  const places = new Uint8Array((readable.at(-1) ?? -1) + 1);
  for (const place of readable) places[place] = 1;
  return places;
}

function matchedBy(matcher: TopicMatcher, channel: Channel): MatchedChannel {
  const matched = matcher.matchedOf(channel);
  if (!matched) throw new RangeError('the channel was not added');
  return matched;
}
