// Blocks: the aggregates of many series as bytes, for Postgres and Redis. A block is of one partition and one minute (or
// hour); in a block of seconds, `slot` is the second of the minute, else it is 0.
//
//   │ version │ cells… │        numbers are varints unless said otherwise; cells come in order of (series, slot)
//   cell: │ series - last series │ slot │ count │ values │ µs of the last event since the block's start │ rest │
//   rest: nothing when values is 0 · value f64 when it is 1 · else sum, min, max, last f64, bins, (key - last key, count)…
//
// A series that reports once a second takes about 14 bytes a second.

import { MdsError } from '../errors.ts';
import { Aggregate } from './aggregate.ts';
import { keyOf, MAX_BINS, MAX_KEY } from './sketch.ts';

export const MINUTE_MICROS = 60_000_000;

const VERSION = 1;
/** Beyond every place a cell is made in: protects readers of damaged bytes. */
const MAX_SLOT = 59;

export interface Cell {
  /** 0: the overflow series. */
  readonly series: number;
  readonly slot: number;
  readonly aggregate: Aggregate;
}

/** @param startMicros where the block's minute or hour begins; no event is before it */
export function encodeBlock(cells: readonly Cell[], startMicros: number): Buffer {
  const writer = new Writer();
  writer.varint(VERSION);
  let lastSeries = 0;
  for (const { series, slot, aggregate } of cells.toSorted((a, b) => a.series - b.series || a.slot - b.slot)) {
    writer.varint(series - lastSeries);
    lastSeries = series;
    writer.varint(slot);
    writeAggregate(writer, aggregate, startMicros);
  }
  return writer.bytes();
}

function writeAggregate(writer: Writer, aggregate: Aggregate, startMicros: number): void {
  const { count, values, sum, min, max, lastMicros, last, sketch } = aggregate;
  writer.varint(count);
  writer.varint(values);
  writer.varint(lastMicros - startMicros);
  if (values === 0) return;
  if (values === 1) {
    writer.double(sum);
    return;
  }
  for (const number of [sum, min, max, last]) writer.double(number);
  writer.varint(sketch.size);
  let lastKey = 0;
  for (let place = 0; place < sketch.size; place++) {
    const key = sketch.keys[place] ?? 0;
    writer.signed(key - lastKey);
    lastKey = key;
    writer.varint(sketch.counts[place] ?? 0);
  }
}

/** @throws MdsError `MDS_ROLLUP_CORRUPT` when the bytes are no block */
export function decodeBlock(bytes: Uint8Array, startMicros: number): Cell[] {
  const reader = new Reader(bytes);
  if (reader.varint() !== VERSION) throw corrupt('its version is not known');
  const cells: Cell[] = [];
  let series = 0;
  while (!reader.isAtEnd) {
    series += reader.varint();
    const slot = reader.varint();
    if (slot > MAX_SLOT) throw corrupt(`a slot is ${slot}`);
    cells.push({ series, slot, aggregate: readAggregate(reader, startMicros) });
  }
  return cells;
}

function readAggregate(reader: Reader, startMicros: number): Aggregate {
  const aggregate = new Aggregate();
  const count = reader.varint();
  const values = reader.varint();
  const lastMicros = startMicros + reader.varint();
  if (values < 2) {
    const value = values === 0 ? 0 : reader.double();
    const [min, max] = values === 0 ? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] : [value, value];
    aggregate.mergeNumbers(count, values, value, min, max, lastMicros, value);
    if (values === 1) aggregate.sketch.addBin(keyOf(value), 1);
    return aggregate;
  }
  const [sum, min, max, last] = [reader.double(), reader.double(), reader.double(), reader.double()];
  aggregate.mergeNumbers(count, values, sum, min, max, lastMicros, last);
  const size = reader.varint();
  if (size > MAX_BINS) throw corrupt(`a sketch has ${size} bins`);
  let key = 0;
  for (let place = 0; place < size; place++) {
    key += reader.signed();
    if (Math.abs(key) > MAX_KEY) throw corrupt(`a sketch has the key ${key}`);
    aggregate.sketch.addBin(key, reader.varint());
  }
  return aggregate;
}

const corrupt = (reason: string): MdsError => new MdsError('MDS_ROLLUP_CORRUPT', { reason });

class Writer {
  #buffer = Buffer.allocUnsafe(1024);
  #length = 0;

  /** @param value a whole number from 0 to 2^53 */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
  }

  signed(value: number): void {
    this.varint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  bytes(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#length));
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const longer = Buffer.allocUnsafe(this.#buffer.length * 2);
    this.#buffer.copy(longer);
    this.#buffer = longer;
  }
}

class Reader {
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#view.byteLength;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      if (this.isAtEnd) throw corrupt('it ends in the middle of a number');
      const byte = this.#view.getUint8(this.#at++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw corrupt('a number is too long');
  }

  signed(): number {
    const raw = this.varint();
    return raw % 2 === 1 ? -(raw + 1) / 2 : raw / 2;
  }

  double(): number {
    if (this.#at + 8 > this.#view.byteLength) throw corrupt('it ends in the middle of a number');
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }
}

/** Adds the cells of many blocks into one for each series, all in slot 0. */
export function mergeCells(cells: Iterable<Cell>): Cell[] {
  const bySeries = new Map<number, Aggregate>();
  for (const { series, aggregate } of cells) {
    const known = bySeries.get(series);
    if (known) {
      known.merge(aggregate);
      continue;
    }
    const merged = new Aggregate();
    merged.merge(aggregate);
    bySeries.set(series, merged);
  }
  return [...bySeries].map(([series, aggregate]) => ({ series, slot: 0, aggregate }));
}
