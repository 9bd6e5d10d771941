// What the record at hand gives to lanes: kept when the whole record is sound and fits, dropped without a trace otherwise.

import { compareCursors } from '../../../schemas/cursor.ts';
import type { MatchedChannel } from './channel.ts';
import type { LaneRange } from './lane-range.ts';
import type { OpenSlot } from './open-slot.ts';
import type { MatchCollector } from './topic-matcher.ts';
import type { JsonSink } from './transcode/json-sink.ts';

export class RecordCollector implements MatchCollector {
  readonly #sink: JsonSink;
  readonly #limitBytes: number;
  readonly #touched: LaneRange[] = [];
  #slot: OpenSlot | null = null;
  #record = 0;
  #offset = 0;
  #index = 0;
  #sinkStart = 0;
  /** Events inside the range that is wanted. */
  eventCount = 0;
  matchCount = 0;

  /** @param limitBytes a record that gives more to lanes is too large */
  constructor(sink: JsonSink, limitBytes: number) {
    this.#sink = sink;
    this.#limitBytes = limitBytes;
  }

  beginRecord(slot: OpenSlot, offset: number): void {
    this.#slot = slot;
    this.#record++;
    this.#offset = offset;
    this.#touched.length = 0;
    this.#sinkStart = this.#sink.end;
    this.eventCount = 0;
    this.matchCount = 0;
  }

  /** Live ranges hold whole records; a replay may begin and end inside one. */
  beginEvent(index: number): boolean {
    this.#index = index;
    const replay = this.#slot?.replay;
    if (replay && this.#slot) {
      const cursor = { offset: this.#offset, index };
      if (compareCursors(cursor, this.#slot.from) <= 0 || compareCursors(cursor, replay.until) > 0) return false;
    }
    this.eventCount++;
    return true;
  }

  collect({ channel, projection }: MatchedChannel): void {
    const { laneNumbers } = channel;
    for (let i = 0; i < laneNumbers.length; i++) {
      const lane = laneNumbers[i] ?? -1;
      const range = this.#slot?.rangeOf(lane);
      if (!range) continue;
      if (range.beginRecord(this.#record)) this.#touched.push(range);
      let place = projection.placeIn(lane);
      if (place < 0) {
        projection.transcode();
        place = range.addEvent(this.#offset, this.#index, projection.start, projection.length);
        projection.setPlaceIn(lane, place);
      }
      range.addRef(channel, place);
      this.matchCount++;
    }
  }

  /** Bytes that the record adds to envelopes. */
  get byteLength(): number {
    let bytes = 0;
    for (const range of this.#touched) bytes += range.recordBytes;
    return bytes;
  }

  get isWithinLimit(): boolean {
    return this.#touched.length === 0 || this.byteLength <= this.#limitBytes;
  }

  keep(timestampMs: number): void {
    for (const range of this.#touched) {
      range.keepRecord(timestampMs);
      this.#slot?.collecting.add(range);
    }
  }

  drop(): void {
    for (const range of this.#touched) range.dropRecord();
    this.#sink.end = this.#sinkStart;
  }
}
