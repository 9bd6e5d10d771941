// Walks records of one writer's schema: checks all of it, and notes where the values of each event are.

import { type AvroRecord, type AvroType, eventSchemaOf } from '../../../../schemas/avro/avro-type.ts';
import { CheckedReader } from './avro-bytes.ts';
import { type Layout, layoutOf, Positions, type WantedKeys } from './layout.ts';
import { ScannerSource } from './scanner-source.ts';

type Walk = (b: Uint8Array, p: number, end: number) => number;

/** The generated functions for one holder of positions. */
interface Walks {
  readonly event: Walk;
  /** A batch record's fields before the events, and behind them. */
  readonly before: Walk;
  readonly after: Walk;
}

type Generated = (r: CheckedReader, positions: Positions, m: readonly WantedKeys[]) => Walks;

/** A writer's schema with the code that walks it; scanners of several topics share it. */
export interface ScannerCode {
  readonly layout: Layout;
  readonly isBatch: boolean;
  readonly make: Generated;
}

/** @param record the schema of a whole record: an event, or a batch of them */
export function generateScanner(record: AvroRecord): ScannerCode {
  const layout = layoutOf(eventSchemaOf(record));
  const source = new ScannerSource();
  const [before, after] = aroundBatch(record);
  const bodies = {
    event: source.event(layout),
    before: source.values(before),
    after: source.values(after),
  };
  const walks = Object.entries(bodies).map(([name, body]) => `${name}(b, p, end) { ${body} }`);
  const text = `'use strict';\n${source.functions}\nreturn { ${walks.join(',\n')} };`;
  // The text is made of numbers and JSON strings alone (scanner-source.ts), whatever the schema says.
  const make = new Function('r', 'positions', 'm', text) as unknown as Generated;
  return { layout, isBatch: record.batchField !== undefined, make };
}

function aroundBatch({ batchField, fields }: AvroRecord): [before: AvroType[], after: AvroType[]] {
  if (batchField === undefined) return [[], []];
  const place = fields.findIndex(({ name }) => name === batchField);
  const types = fields.map(({ type }) => type);
  return [types.slice(0, place), types.slice(place + 1)];
}

/** Told of each event, whose positions are noted when it is called. @returns false to leave the rest of the record */
export type OnEvent = (index: number, start: number, end: number) => boolean;

export class Scanner {
  readonly layout: Layout;
  readonly positions: Positions;
  readonly #isBatch: boolean;
  readonly #reader = new CheckedReader();
  readonly #walks: Walks;

  constructor({ layout, isBatch, make }: ScannerCode) {
    this.layout = layout;
    this.positions = new Positions(layout);
    this.#isBatch = isBatch;
    this.#walks = make(this.#reader, this.positions, this.positions.maps);
  }

  /**
   * Walks a whole record. Events are told before the record is known to be sound: what was made of them must be undone
   * when this throws.
   *
   * @param b holds the record from `start` to `end`
   * @returns the number of events; -1 when `onEvent` gave up
   * @throws MdsError `MDS_RECORD_TRUNCATED`, `MDS_RECORD_TRAILING_BYTES` or `MDS_RECORD_CORRUPT`
   */
  record(b: Uint8Array, start: number, end: number, onEvent: OnEvent): number {
    this.#reader.reset();
    if (!this.#isBatch) {
      const p = this.#walks.event(b, start, end);
      if (p < end) this.#reader.trailing(end - p);
      return onEvent(0, start, p) ? 1 : -1;
    }
    let p = this.#walks.before(b, start, end);
    let index = 0;
    for (;;) {
      let count = this.#reader.number(b, p, end);
      p = this.#reader.next;
      if (count === 0) break;
      let stop = -1;
      if (count < 0) {
        count = -count;
        const length = this.#reader.length(b, p, end);
        p = this.#reader.next;
        stop = p + length;
      }
      for (; count > 0; count--) {
        const eventStart = p;
        p = this.#walks.event(b, p, end);
        if (p === eventStart) this.#reader.emptyItem();
        if (!onEvent(index++, eventStart, p)) return -1;
      }
      if (stop >= 0 && p !== stop) this.#reader.wrongBlock();
    }
    p = this.#walks.after(b, p, end);
    if (p < end) this.#reader.trailing(end - p);
    return index;
  }

  /** Walks one event that was walked before, and notes its positions again. */
  event(b: Uint8Array, start: number, end: number): void {
    this.#walks.event(b, start, end);
  }
}
