// Events of one channel and partition that wait to become frames: where they stand in which envelope, no copies. Filled and
// emptied again and again without allocating.

import type { Cursor } from '../../schemas/cursor.ts';
import type { EnvelopeReader } from '../../schemas/envelope-reader.ts';

export class GatheredEvents {
  readonly partition: number;
  /** Exclusive. */
  from: Cursor = { offset: 0, index: 0 };
  to: Cursor = { offset: 0, index: 0 };
  /** Of the oldest envelope in here, which is the one that latency is counted from. */
  oldestRecordMs = 0;
  publishedMs = 0;
  byteLength = 0;
  readonly #envelopes: EnvelopeReader[] = [];
  readonly #places: number[] = [];

  constructor(partition: number) {
    this.partition = partition;
  }

  get count(): number {
    return this.#places.length;
  }

  /**
   * Takes a channel's events of one envelope. Its range must touch that of the events already here.
   *
   * @param at where the channel's section begins
   * @param after only events behind it are taken; null: all
   * @param until only events up to it are taken; null: all
   * @returns how many were taken
   */
  take(envelope: EnvelopeReader, at: number, after: Cursor | null, until: Cursor | null): number {
    const refCount = envelope.refCount(at);
    const before = this.#places.length;
    for (let i = 0; i < refCount; i++) {
      const place = envelope.ref(at, i);
      if (after !== null && !envelope.isBehind(place, after)) continue;
      if (until !== null && envelope.isBehind(place, until)) continue;
      this.#envelopes.push(envelope);
      this.#places.push(place);
      this.byteLength += envelope.eventLength(place);
    }
    const taken = this.#places.length - before;
    if (taken === 0 || before > 0) return taken;
    this.oldestRecordMs = envelope.oldestRecordMs;
    this.publishedMs = envelope.publishedMs;
    return taken;
  }

  clear(): void {
    this.#envelopes.length = 0;
    this.#places.length = 0;
    this.byteLength = 0;
  }

  envelope(i: number): EnvelopeReader {
    const envelope = this.#envelopes[i];
    if (!envelope) throw new RangeError(`there is no event ${i}`);
    return envelope;
  }

  place(i: number): number {
    return this.#places[i] ?? 0;
  }

  cursor(i: number): Cursor {
    const envelope = this.envelope(i);
    const place = this.place(i);
    return { offset: envelope.eventOffset(place), index: envelope.eventIndex(place) };
  }

  length(i: number): number {
    return this.envelope(i).eventLength(this.place(i));
  }
}
