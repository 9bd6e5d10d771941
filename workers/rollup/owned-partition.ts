// One partition while this worker has it: what is stored of it, and what its records have added since.

import type { KafkaMessage } from '../../platform/kafka.ts';
import { CONFLUENT_HEADER_BYTES, readSchemaId } from '../../schemas/confluent-wire.ts';
import { MdsError } from '../../schemas/errors.ts';
import { closableTo, timeBounds } from './closing.ts';
import type { PartitionFlush } from './flusher.ts';
import { PartitionDelta } from './partition-delta.ts';
import type { PartitionState } from './rollup-store.ts';
import { OVERFLOW } from './series-names.ts';
import type { TopicRollup } from './topic-rollup.ts';

export interface TimeLimits {
  readonly latenessMs: number;
  /** Events older than this are late, whatever their partition has seen. */
  readonly keptMs: number;
}

interface Sample {
  readonly series: string | null;
  readonly micros: number | null;
  readonly value: number | null;
}

export class OwnedPartition {
  readonly rollup: TopicRollup;
  readonly #limits: TimeLimits;
  #state: PartitionState;
  #delta: PartitionDelta;
  #lastRecordMs: number;

  constructor(rollup: TopicRollup, state: PartitionState, limits: TimeLimits, nowMs: number) {
    this.rollup = rollup;
    this.#state = state;
    this.#limits = limits;
    this.#delta = new PartitionDelta(state.nextOffset);
    this.#lastRecordMs = nowMs;
  }

  get partition(): number {
    return this.#state.partition;
  }

  get delta(): PartitionDelta {
    return this.#delta;
  }

  /** @param message of this partition; its schema's reader was added, if there is such a schema */
  take({ offset, timestamp, value }: KafkaMessage, nowMs: number): void {
    const delta = this.#delta;
    this.#lastRecordMs = nowMs;
    if (offset < delta.nextOffset) return; // counted already: Kafka was asked for an offset it no longer has
    delta.nextOffset = offset + 1;
    if (value === null) return; // a tombstone is no event
    const samples: Sample[] = [];
    try {
      const schemaId = readSchemaId(value);
      if (schemaId === null) throw new MdsError('MDS_RECORD_NOT_FRAMED');
      this.rollup
        .reader(schemaId)
        .record(value, CONFLUENT_HEADER_BYTES, value.length, (series, micros, number) =>
          samples.push({ series, micros, value: number }),
        );
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      delta.unreadableRecords += 1; // its owner among the stream workers dead-letters it
      return;
    }
    const bounds = timeBounds(this.#state, nowMs, this.#limits.keptMs);
    const { names } = this.rollup;
    for (const { series, micros, value: number } of samples) {
      const place = series === null ? OVERFLOW : names.placeOf(series);
      delta.add(place, micros ?? (timestamp ?? nowMs) * 1000, number, bounds);
    }
  }

  /** @returns null when there is nothing to store */
  flush(nowMs: number): PartitionFlush | null {
    const { nextOffset, closedMinute } = this.#state;
    const newestMicros = Math.max(this.#state.newestMicros, this.#delta.newestMicros);
    const closeTo = closableTo(newestMicros, this.#limits.latenessMs, nowMs - this.#lastRecordMs);
    if (this.#delta.nextOffset === nextOffset && closeTo <= closedMinute) return null;
    return { state: this.#state, delta: this.#delta, names: this.rollup.names, closeTo };
  }

  flushed(state: PartitionState): void {
    this.#state = state;
    this.#delta = new PartitionDelta(state.nextOffset);
  }
}
