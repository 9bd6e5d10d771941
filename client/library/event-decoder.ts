// Decodes a subscription's events at the moment they are handed out; a schema that cannot be had now is asked for again.

import { MdsError } from '../../schemas/errors.ts';
import type { AvroDecoding } from './avro-decoding.ts';
import { type Backoff, backoffMs } from './backoff.ts';
import type { EventBatch, ReceivedEvent } from './events.ts';
import type { Runtime } from './runtime.ts';

export class EventDecoder<T> {
  readonly #decoding: AvroDecoding | null;
  readonly #runtime: Runtime;
  readonly #backoff: Backoff;
  #failures = 0;

  /** @param decoding null: events are handed out as they came */
  constructor(decoding: AvroDecoding | null, runtime: Runtime, backoff: Backoff) {
    this.#decoding = decoding;
    this.#runtime = runtime;
    this.#backoff = backoff;
  }

  isReadyFor(batch: Batch<T>): boolean {
    return this.#decoding === null || this.#decoding.isReadyFor(batch);
  }

  /**
   * @returns false after a wait, in which anything may have changed
   * @throws MdsError when a schema can never be had
   */
  async canDecode(batch: Batch<T> | undefined): Promise<boolean> {
    if (this.#decoding === null || batch === undefined || this.#decoding.isReadyFor(batch)) return true;
    try {
      await this.#decoding.prepareFor(batch);
      this.#failures = 0;
    } catch (error) {
      if (!(error instanceof MdsError) || !error.retryable) throw error;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#runtime.clock.after(backoffMs(this.#failures++, this.#backoff, this.#runtime.random), resolve);
      await promise;
    }
    return false;
  }

  /** @throws MdsError `MDS_RECORD_CORRUPT` when the bytes do not fit the schema */
  event(event: ReceivedEvent<T>): ReceivedEvent<T> {
    return this.#decoding === null ? event : { ...event, data: this.data(event.data) };
  }

  /** @throws MdsError `MDS_RECORD_CORRUPT` when the bytes do not fit the schema */
  data(data: T): T {
    // T is the caller's claim about what the decoder makes.
    return this.#decoding === null ? data : (this.#decoding.decode(data) as T);
  }

  /** @throws MdsError `MDS_RECORD_CORRUPT` when the bytes do not fit the schema */
  batch(batch: EventBatch<T>): EventBatch<T> {
    return this.#decoding === null ? batch : { ...batch, events: batch.events.map((event) => this.event(event)) };
  }
}

interface Batch<T> {
  readonly events: readonly { readonly data: T }[];
}
