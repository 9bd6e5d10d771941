// Bodies for the ingest door: events of one request encoded once, in which each sending writes new ids. So what is measured is
// the door, and no id is ever a duplicate.

import avsc from 'avsc';
import { encodeConfluent } from '../../../schemas/confluent-wire.ts';
import type { LoadEvent } from '../../load/events.ts';

/** Digits that change with each sending. */
const NUMBER_DIGITS = 8;
const MARK = 'bench-';

export type BodyForm = 'ndjson' | 'avro';

export class NumberedBody {
  readonly bytes: Buffer;
  /** Where each event's number stands. */
  readonly #places: readonly number[];

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    const places: number[] = [];
    for (let at = bytes.indexOf(MARK); at !== -1; at = bytes.indexOf(MARK, at + 1)) places.push(at + MARK.length);
    this.#places = places;
  }

  get events(): number {
    return this.#places.length;
  }

  /** Valid until the next call. */
  numbered(number: number): Buffer {
    const digits = Buffer.from(String(number).padStart(NUMBER_DIGITS, '0'));
    for (const place of this.#places) for (let i = 0; i < NUMBER_DIGITS; i++) this.bytes[place + i] = digits[i] ?? 0;
    return this.bytes;
  }
}

/** @param schema Avro JSON of the topic's events */
export function makeBody(
  form: BodyForm,
  events: readonly LoadEvent[],
  topic: { readonly schema: unknown; readonly batchSchemaId: number },
): NumberedBody {
  const marked = events.map((event, i) => ({ ...event, id: `${MARK}${'0'.repeat(NUMBER_DIGITS)}-${i}` }));
  if (form === 'ndjson') return new NumberedBody(Buffer.from(marked.map((event) => JSON.stringify(event)).join('\n')));
  const type = avsc.Type.forSchema(topic.schema as avsc.Schema); // as the registry has it
  const items = { type: 'array', items: type } as const;
  const batch = avsc.Type.forSchema({ type: 'record', name: 'B', fields: [{ name: 'events', type: items }] });
  return new NumberedBody(Buffer.from(encodeConfluent(topic.batchSchemaId, batch.toBuffer({ events: marked }))));
}
