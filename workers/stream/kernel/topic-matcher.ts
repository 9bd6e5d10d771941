// One topic's channels on records of one writer's schema: walks a record, finds who wants each event, and hands them to the
// collector, which transcodes once for each projection.
//
//   scanner ─▶ positions ─▶ view ─▶ index ─▶ matched channels ─▶ collector

import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import type { Channel, MatchedChannel, PlanFailure } from './channel.ts';
import type { ChannelPlan } from './channel-plan.ts';
import { AttributeTable } from './match/attribute-table.ts';
import { EventView } from './match/event-view.ts';
import { MatchIndex } from './match/match-index.ts';
import { PredicateCompiler } from './match/predicate-compiler.ts';
import { TrafficSample } from './match/traffic-sample.ts';
import { type OnEvent, Scanner } from './scan/scanner.ts';
import { type JsonSink, plainText } from './transcode/json-sink.ts';
import { jsonTranscoder } from './transcode/json-transcoder.ts';
import { Projection } from './transcode/projection.ts';
import type { WriterSchema } from './writer-schemas.ts';

/** Takes what was matched. */
export interface MatchCollector {
  /** @returns whether this event of the record is wanted at all */
  beginEvent(index: number): boolean;
  collect(matched: MatchedChannel): void;
  /** False: the record has become too large, the rest of it is not walked. */
  readonly isWithinLimit: boolean;
}

/** The index is looked after once in so many events … */
const REFILE_EVENTS = 32_768;
/** … by as many channels: about 0.2 ms (bench suite `kernel`), so that no slab waits. */
const REFILE_CHANNELS = 48;

export class TopicMatcher {
  readonly schema: WriterSchema;
  /** By channel: plans that cannot be used. They match nothing, and somebody must know. */
  readonly failures = new Map<string, PlanFailure>();
  readonly #scanner: Scanner;
  readonly #view: EventView;
  readonly #predicates: PredicateCompiler;
  readonly #sample: TrafficSample;
  readonly #index: MatchIndex<MatchedChannel>;
  readonly #channels = new Map<Channel, MatchedChannel>();
  readonly #projections = new Map<string, Projection>();
  readonly #sink: JsonSink;
  readonly #onEvent: OnEvent;
  #bytes: Uint8Array = new Uint8Array(0);
  #untilRefile = REFILE_EVENTS;

  constructor(schema: WriterSchema, sink: JsonSink, collector: MatchCollector) {
    this.schema = schema;
    this.#sink = sink;
    this.#scanner = new Scanner(schema.code);
    const { layout, positions } = this.#scanner;
    this.#view = new EventView(layout, positions);
    const attributes = new AttributeTable(this.#view, positions);
    this.#predicates = new PredicateCompiler(layout, this.#view, attributes);
    this.#sample = new TrafficSample(this.#scanner, this.#view);
    const onMatch = (matched: MatchedChannel): void => collector.collect(matched);
    this.#index = new MatchIndex(this.#view, attributes, this.#sample, onMatch);
    this.#onEvent = (index, start, end) => {
      this.#view.show(this.#bytes, start, end);
      if (!collector.beginEvent(index)) return true;
      this.#sample.offer(this.#bytes, start, end);
      this.#index.match();
      return collector.isWithinLimit;
    };
  }

  matchedOf(channel: Channel): MatchedChannel | undefined {
    return this.#channels.get(channel);
  }

  add(channel: Channel): void {
    const { plan } = channel;
    try {
      if (plan instanceof MdsError) throw plan;
      const matched = this.#matched(channel, plan);
      this.#channels.set(channel, matched);
      this.#index.add(matched);
    } catch (error) {
      const message = error instanceof MdsError ? error.message : reasonOf(error);
      this.failures.set(channel.id, { channel: channel.id, schemaId: this.schema.schemaId, message });
    }
  }

  remove(channel: Channel): void {
    this.failures.delete(channel.id);
    const matched = this.#channels.get(channel);
    if (!matched) return;
    this.#channels.delete(channel);
    this.#index.remove(matched);
    if (matched.filter) this.#predicates.release(matched.filter);
    const { projection } = matched;
    projection.users -= 1;
    if (projection.users === 0) this.#projections.delete(projection.key);
  }

  /**
   * @param b holds the record's Avro bytes from `start` to `end`
   * @returns the number of events; -1 when the collector had enough
   * @throws MdsError what `Scanner.record` throws; what was collected must be undone then
   */
  record(b: Uint8Array, start: number, end: number): number {
    this.#bytes = b;
    const count = this.#scanner.record(b, start, end, this.#onEvent);
    this.#untilRefile -= count;
    return count;
  }

  /** Between slabs: adapts the index to the traffic, a little at a time. */
  maintain(): void {
    if (this.#untilRefile > 0) return;
    this.#untilRefile = REFILE_EVENTS;
    this.#index.refile(REFILE_CHANNELS);
  }

  #matched(channel: Channel, plan: ChannelPlan): MatchedChannel {
    const filter = plan.filter && this.#predicates.retain(plan.filter);
    const projection = this.#projections.get(plan.projectionKey) ?? this.#newProjection(plan);
    projection.users += 1;
    return { channel, projection, filter, serial: -1, filings: [], ways: null, seenEvents: 0, seenVisits: 0 };
  }

  #newProjection({ format, projection, projectionKey }: ChannelPlan): Projection {
    const made = new Projection(projectionKey, this.#view, this.#sink, this.#writerOf(format, projection));
    this.#projections.set(projectionKey, made);
    return made;
  }

  #writerOf(format: ChannelPlan['format'], projection: ChannelPlan['projection']): () => void {
    const sink = this.#sink;
    const view = this.#view;
    if (format === 'json') {
      const write = jsonTranscoder(this.#scanner.layout, this.#scanner.positions, projection, sink);
      return () => write(view.bytes, view.start, view.end);
    }
    const schemaId = Buffer.alloc(4);
    schemaId.writeUInt32BE(this.schema.schemaId);
    const prefix = plainText(schemaId);
    return () => {
      sink.plain(prefix);
      sink.raw(view.bytes, view.start, view.end);
    };
  }
}
