// Decodes Avro events when they are handed out: by then their writers' schemas are there, each got once. Which Avro library
// decodes is the caller's choice (avsc-decoder.ts has one for Node), so that pages need not load any.

import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { AvroDatum } from '../../schemas/frames-avro.ts';

/**
 * Makes the function that decodes events of one writer's schema.
 *
 * @param eventSchema Avro JSON of one event
 */
export type AvroDecoder = (eventSchema: unknown) => (bytes: Uint8Array) => unknown;

export interface AvroOptions {
  readonly decoder: AvroDecoder;
  /** Gets the Avro JSON of one event by the id of its writer's schema. Default: asks the control plane at `api`. */
  readonly schemaOf?: (schemaId: number) => Promise<unknown>;
}

interface Events {
  readonly events: readonly { readonly data: unknown }[];
}

/** 1,000 schemas: topics have some dozens of versions; a stream that has more gets them again now and then. */
const MAX_SCHEMAS = 1000;

export class AvroDecoding {
  readonly #decoder: AvroDecoder;
  readonly #schemaOf: (schemaId: number) => Promise<unknown>;
  readonly #decoders = new Map<number, (bytes: Uint8Array) => unknown>();
  readonly #asked = new Map<number, Promise<void>>();

  constructor(decoder: AvroDecoder, schemaOf: (schemaId: number) => Promise<unknown>) {
    this.#decoder = decoder;
    this.#schemaOf = schemaOf;
  }

  isReadyFor({ events }: Events): boolean {
    return events.every(({ data }) => !isDatum(data) || this.#decoders.has(data.schemaId));
  }

  /** Gets the schemas that are missing. @throws MdsError when one cannot be had (now) */
  async prepareFor({ events }: Events): Promise<void> {
    const missing = new Set<number>();
    for (const { data } of events) if (isDatum(data) && !this.#decoders.has(data.schemaId)) missing.add(data.schemaId);
    if (this.#decoders.size + missing.size > MAX_SCHEMAS) {
      this.#decoders.clear();
      for (const { data } of events) if (isDatum(data)) missing.add(data.schemaId);
    }
    await Promise.all([...missing].map((schemaId) => this.#get(schemaId)));
  }

  /** @throws MdsError `MDS_RECORD_CORRUPT` when the bytes do not fit the schema */
  decode(data: unknown): unknown {
    const decode = isDatum(data) ? this.#decoders.get(data.schemaId) : undefined;
    if (!isDatum(data) || !decode) throw new RangeError('an event was handed out before its schema was there');
    try {
      return decode(data.bytes);
    } catch (error) {
      throw new MdsError('MDS_RECORD_CORRUPT', { reason: reasonOf(error) }, { cause: error });
    }
  }

  /** Several subscriptions may wait for the same one. */
  #get(schemaId: number): Promise<void> {
    let asked = this.#asked.get(schemaId);
    if (!asked) {
      asked = this.#schemaOf(schemaId)
        .then((eventSchema) => {
          this.#decoders.set(schemaId, this.#decoder(eventSchema));
        })
        .finally(() => this.#asked.delete(schemaId));
      this.#asked.set(schemaId, asked);
    }
    return asked;
  }
}

const isDatum = (data: unknown): data is AvroDatum =>
  typeof data === 'object' && data !== null && 'schemaId' in data && 'bytes' in data;
