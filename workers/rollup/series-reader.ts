// Reads of each event what a rollup needs: its series, its time and its value, from the record's bytes as the kernel's
// scanner has walked them. Nothing else is decoded; a series that was seen before costs one hash lookup.

import type { AvroField, AvroRecord, AvroType } from '../../schemas/avro/avro-type.ts';
import { decodedDefault } from '../../schemas/avro/default-value.ts';
import {
  LABELS_FIELD,
  type RollupDefinition,
  type SeriesDimensions,
  seriesKeyOf,
  TIMESTAMP_MICROS,
} from '../../schemas/rollup/definition.ts';
import type { FieldPlace } from '../stream/kernel/scan/layout.ts';
import { Scanner, type ScannerCode } from '../stream/kernel/scan/scanner.ts';
import { type Decode, ValueDecoder } from '../stream/kernel/scan/value-decoder.ts';
import { behindVarint, doubleAt, floatAt, longAt } from '../stream/kernel/scan/values.ts';

/** Longer texts as dimensions are no names of anything; their events go to the overflow series. */
const MAX_TEXT_BYTES = 256;
const MAX_LABEL_BYTES = 2048;
/** Byte forms of series that are remembered: the same labels in another order are another form. */
const MAX_REMEMBERED = 200_000;
/** No byte form of a value has this character. */
const ABSENT = '\u0100';
const TOO_LONG = '\u0101';

/** @param series key of the series; null: its names are too long @param micros null: the event says no time */
export type OnSample = (series: string | null, micros: number | null, value: number | null) => void;

interface Dimension {
  /** The value's bytes as text that ends by itself, ABSENT, or TOO_LONG. */
  readonly form: (b: Uint8Array, at: Int32Array) => string;
  readonly value: (b: Uint8Array, at: Int32Array) => unknown;
}

type ReadNumber = (b: Uint8Array, at: Int32Array) => number | null;

export class SeriesReader {
  readonly #scanner: Scanner;
  readonly #fields: readonly Dimension[];
  readonly #labels: readonly (Dimension & { readonly key: string | null })[];
  readonly #time: ReadNumber;
  readonly #value: ReadNumber;
  readonly #known = new Map<string, string>();

  /** @param topic the event record of the topic's schema: its aliases and defaults hold for writers that differ */
  constructor(definition: RollupDefinition, topic: AvroRecord, code: ScannerCode) {
    this.#scanner = new Scanner(code);
    const decoder = new ValueDecoder();
    const placeOf = (name: string): FieldPlace | undefined => this.#placeOf(name, topic);
    this.#fields = definition.fields.map((name) => {
      const place = placeOf(name);
      return place ? fieldDimension(place, decoder) : constantDimension(topic, name);
    });
    this.#labels = this.#labelDimensions(definition, placeOf(LABELS_FIELD), decoder);
    this.#time = readTime(definition.time === null ? undefined : placeOf(definition.time));
    this.#value = readValue(definition.value === null ? undefined : placeOf(definition.value));
  }

  /**
   * @param b holds one Avro body from `start` to `end`
   * @throws MdsError when the record is not sound; events told until then must be forgotten
   */
  record(b: Uint8Array, start: number, end: number, onSample: OnSample): void {
    this.#scanner.record(b, start, end, () => {
      const { at } = this.#scanner.positions;
      onSample(this.#seriesAt(b, at), this.#time(b, at), this.#value(b, at));
      return true;
    });
  }

  #seriesAt(b: Uint8Array, at: Int32Array): string | null {
    let form = '';
    for (const dimension of this.#fields) form += dimension.form(b, at);
    for (const label of this.#labels) form += label.form(b, at);
    const known = this.#known.get(form);
    if (known !== undefined) return known;
    if (form.includes(TOO_LONG)) return null;
    const key = seriesKeyOf(this.#dimensionsAt(b, at));
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
    this.#known.set(form, key);
    return key;
  }

  #dimensionsAt(b: Uint8Array, at: Int32Array): SeriesDimensions {
    const labels: Record<string, string> = Object.create(null);
    for (const { key, value } of this.#labels) {
      const found = value(b, at);
      if (key !== null && typeof found === 'string') labels[key] = found;
      else if (key === null) Object.assign(labels, found);
    }
    return { fields: this.#fields.map(({ value }) => dimensionValue(value(b, at))), labels };
  }

  #placeOf(name: string, topic: AvroRecord): FieldPlace | undefined {
    const { fields } = this.#scanner.layout;
    const names = [name, ...(topic.fields.find((field) => field.name === name)?.aliases ?? [])];
    return names.flatMap((one) => fields.find(({ field }) => field.name === one) ?? [])[0];
  }

  #labelDimensions({ labels }: RollupDefinition, place: FieldPlace | undefined, decoder: ValueDecoder) {
    if (place?.map === undefined || place.type.kind !== 'map' || place.type.values.kind !== 'string') return [];
    const decode = decoder.decode(place.type);
    if (labels === 'all') return [{ key: null, ...dimension(place.slot, endOfMap, decode, MAX_LABEL_BYTES) }];
    const wanted = this.#scanner.positions.maps[place.map];
    return labels.map((key) => {
      const slot = wanted?.retain(Buffer.from(key)) ?? -1;
      return { key, ...dimension(slot, endOfText, decoder.decode({ kind: 'string' }), MAX_TEXT_BYTES) };
    });
  }
}

function dimension(
  slot: number,
  endOf: (b: Uint8Array, p: number) => number,
  decode: Decode,
  maxBytes: number,
): Dimension {
  return {
    form: (b, at) => {
      const start = at[slot] ?? -1;
      if (start < 0) return ABSENT;
      const end = endOf(b, start);
      return end - start > maxBytes ? TOO_LONG : latin1(b, start, end);
    },
    value: (b, at) => {
      const start = at[slot] ?? -1;
      return start < 0 ? null : decode(b, start);
    },
  };
}

function fieldDimension({ slot, type }: FieldPlace, decoder: ValueDecoder): Dimension {
  return dimension(slot, endOfType(type), decoder.decode(type), MAX_TEXT_BYTES);
}

/** Of a field that the writer does not have: what a decoder would give for it. */
function constantDimension(topic: AvroRecord, name: string): Dimension {
  const field: AvroField | undefined = topic.fields.find((candidate) => candidate.name === name);
  const value = field?.hasDefault ? decodedDefault(field.default, field.type) : null;
  return { form: () => '', value: () => value };
}

function endOfType(type: AvroType): (b: Uint8Array, p: number) => number {
  if (type.kind === 'string') return endOfText;
  return type.kind === 'boolean' ? (_, p) => p + 1 : behindVarint;
}

function endOfText(b: Uint8Array, p: number): number {
  return behindVarint(b, p) + longAt(b, p);
}

/** A map of strings that the scanner has found sound. */
function endOfMap(b: Uint8Array, p: number): number {
  let at = p;
  for (;;) {
    const count = longAt(b, at);
    at = behindVarint(b, at);
    if (count === 0) return at;
    if (count < 0) at = behindVarint(b, at);
    for (let i = 0; i < 2 * Math.abs(count); i++) at = endOfText(b, at);
  }
}

const latin1 = (b: Uint8Array, start: number, end: number): string =>
  Buffer.from(b.buffer, b.byteOffset + start, end - start).toString('latin1');

const dimensionValue = (value: unknown): string | number | boolean | null =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;

function readTime(place: FieldPlace | undefined): ReadNumber {
  const logical = place?.type.kind === 'long' ? place.type.logical?.name : undefined;
  const micros = logical === undefined ? undefined : TIMESTAMP_MICROS[logical];
  if (place === undefined || micros === undefined) return () => null;
  return (b, at) => {
    const start = at[place.slot] ?? -1;
    return start < 0 ? null : Math.floor(longAt(b, start) * micros);
  };
}

function readValue(place: FieldPlace | undefined): ReadNumber {
  const read = place && NUMBER_READERS[place.type.kind];
  if (place === undefined || read === undefined) return () => null;
  return (b, at) => {
    const start = at[place.slot] ?? -1;
    return start < 0 ? null : read(b, start);
  };
}

const NUMBER_READERS: Partial<Record<AvroType['kind'], (b: Uint8Array, p: number) => number>> = {
  int: longAt,
  long: longAt,
  float: floatAt,
  double: doubleAt,
};
