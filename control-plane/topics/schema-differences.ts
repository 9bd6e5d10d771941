// What is different between two versions of a schema, each in a sentence, and whether events written with the older one can
// still be read with the newer one: Avro's schema resolution (specification 1.11, "Schema Resolution") followed field by
// field, so that the reader learns what to change and not only that something must be. Pure.

import type { DifferenceKind, SchemaDifference } from '../../schemas/api/topic-management.ts';
import {
  type AvroEnum,
  type AvroField,
  type AvroRecord,
  type AvroType,
  branchName,
} from '../../schemas/avro/avro-type.ts';

/** Of the older version → what may read it. */
const PROMOTIONS: Readonly<Record<string, readonly string[]>> = {
  int: ['long', 'float', 'double'],
  long: ['float', 'double'],
  float: ['double'],
  string: ['bytes'],
  bytes: ['string'],
};

/** @returns in the order of the newer version's fields; empty: both mean the same */
export function schemaDifferences(older: AvroType, newer: AvroType): SchemaDifference[] {
  const comparison = new Comparison();
  comparison.compare(older, newer, '');
  return comparison.found;
}

class Comparison {
  readonly found: SchemaDifference[] = [];
  /** Pairs of records under comparison or done: schemas may be recursive. */
  readonly #seen = new Map<AvroType, Set<AvroType>>();

  compare(older: AvroType, newer: AvroType, path: string): void {
    if (older.kind === 'union' || newer.kind === 'union') this.#compareUnions(older, newer, path);
    else if (older.kind === 'record' && newer.kind === 'record') this.#compareRecords(older, newer, path);
    else if (older.kind === 'enum' && newer.kind === 'enum') this.#compareEnums(older, newer, path);
    else if (older.kind === 'array' && newer.kind === 'array') this.compare(older.items, newer.items, path);
    else if (older.kind === 'map' && newer.kind === 'map') this.compare(older.values, newer.values, path);
    else if (older.kind !== newer.kind) this.#compareKinds(older, newer, path);
    else this.#compareRest(older, newer, path);
  }

  #compareKinds(older: AvroType, newer: AvroType, path: string): void {
    const change = `was ${inWords(older)} and is ${inWords(newer)}`;
    if (PROMOTIONS[older.kind]?.includes(newer.kind)) {
      this.#note(path, 'typeWidened', false, `${change}, which holds all its values.`);
    } else this.#note(path, 'typeChanged', true, `${change}, which cannot hold its values.`);
  }

  #compareRest(older: AvroType, newer: AvroType, path: string): void {
    if (older.kind === 'fixed' && newer.kind === 'fixed') {
      this.#compareNames(older.name, newer.name, [], path);
      if (older.size !== newer.size) {
        this.#note(path, 'sizeChanged', true, `has ${newer.size} bytes and had ${older.size}.`);
      }
    }
    const [before, after] = [older, newer].map(logicalName);
    if (before !== after) {
      this.#note(path, 'meaningChanged', false, `was ${before} and is ${after}; the bytes are read all the same.`);
    }
  }

  #compareRecords(older: AvroRecord, newer: AvroRecord, path: string): void {
    const seen = this.#seen.get(older) ?? new Set();
    if (seen.has(newer)) return;
    this.#seen.set(older, seen.add(newer));
    this.#compareNames(older.name, newer.name, newer.aliases, path);
    const left = new Map(older.fields.map((field) => [field.name, field]));
    for (const field of newer.fields) {
      const before = sourceOf(field, left);
      if (before === undefined) this.#noteAdded(field, path);
      else {
        left.delete(before.name);
        this.#compareFields(before, field, path);
      }
    }
    for (const name of left.keys()) {
      const explanation =
        'was removed; events that were written before are read without it, filters that read it are refused.';
      this.#note(join(path, name), 'fieldRemoved', false, explanation);
    }
  }

  #noteAdded(field: AvroField, path: string): void {
    const explanation = field.hasDefault
      ? `was added; events that were written before have ${JSON.stringify(field.default)}.`
      : 'was added without a default, and events that were written before lack it: give it a default.';
    this.#note(join(path, field.name), 'fieldAdded', !field.hasDefault, explanation);
  }

  #compareFields(before: AvroField, after: AvroField, path: string): void {
    const at = join(path, after.name);
    if (before.name !== after.name) this.#note(at, 'fieldRenamed', false, `was ${before.name}, which is an alias now.`);
    this.compare(before.type, after.type, at);
    const [older, newer] = [before, after].map(({ hasDefault, default: value }) =>
      hasDefault ? JSON.stringify(value) : 'none',
    );
    if (older !== newer) this.#note(at, 'defaultChanged', false, `had the default ${older} and has ${newer}.`);
  }

  #compareEnums(older: AvroEnum, newer: AvroEnum, path: string): void {
    this.#compareNames(older.name, newer.name, [], path);
    const removed = older.symbols.filter((symbol) => !newer.symbols.includes(symbol));
    for (const symbol of removed) {
      const explanation =
        newer.default === undefined
          ? `lacks the symbol ${symbol}, which events may have that were written before: keep it, or give the enum a default.`
          : `lacks the symbol ${symbol}; events that have it are read as ${newer.default}.`;
      this.#note(path, 'symbolRemoved', newer.default === undefined, explanation);
    }
    for (const symbol of newer.symbols) {
      if (!older.symbols.includes(symbol)) this.#note(path, 'symbolAdded', false, `has the new symbol ${symbol}.`);
    }
  }

  #compareUnions(older: AvroType, newer: AvroType, path: string): void {
    const [before, after] = [branchesOf(older), branchesOf(newer)];
    const taken = new Set<AvroType>();
    for (const branch of before) {
      const reader = readerOf(branch, after);
      if (reader !== undefined) {
        taken.add(reader);
        this.compare(branch, reader, path);
        continue;
      }
      const explanation = `may not be ${inWords(branch)} any more, which events may have that were written before.`;
      const kind = newer.kind === 'union' ? 'branchRemoved' : 'typeChanged';
      this.#note(path, kind, true, explanation);
    }
    for (const branch of after) {
      if (!taken.has(branch)) this.#note(path, 'branchAdded', false, `may be ${inWords(branch)} now.`);
    }
  }

  #compareNames(older: string, newer: string, aliases: readonly string[], path: string): void {
    if (older === newer) return;
    const isKnown = aliases.some((alias) => alias === older || lastPart(alias) === lastPart(older));
    const isSamePart = lastPart(older) === lastPart(newer); // namespaces do not take part in resolution
    const explanation = isKnown || isSamePart ? `was called ${older}.` : `was called ${older}: add that as an alias.`;
    this.#note(path, 'nameChanged', !isKnown && !isSamePart, explanation);
  }

  #note(path: string, kind: DifferenceKind, breaks: boolean, explanation: string): void {
    const subject = path === '' ? 'The record' : path;
    this.found.push({ path, kind, breaks, explanation: `${subject} ${explanation}` });
  }
}

/** Whether values of the older type can be read as the newer one. */
const canRead = (older: AvroType, newer: AvroType): boolean =>
  schemaDifferences(older, newer).every(({ breaks }) => !breaks);

/** Of the same name or kind before anything else, as Avro chooses. */
const readerOf = (branch: AvroType, readers: readonly AvroType[]): AvroType | undefined =>
  readers.find((reader) => branchName(reader) === branchName(branch)) ??
  readers.find((reader) => reader.kind === branch.kind && canRead(branch, reader)) ??
  readers.find((reader) => canRead(branch, reader));

/** The field of the older version that a field is read from. */
function sourceOf({ name, aliases }: AvroField, left: ReadonlyMap<string, AvroField>): AvroField | undefined {
  return left.get(name) ?? aliases.map((alias) => left.get(alias)).find((field) => field !== undefined);
}

const branchesOf = (type: AvroType): readonly AvroType[] => (type.kind === 'union' ? type.branches : [type]);
const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);
const lastPart = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
const logicalName = (type: AvroType): string =>
  'logical' in type && type.logical !== undefined ? JSON.stringify(type.logical) : `plain ${type.kind}`;
const inWords = (type: AvroType): string => ('name' in type ? `${type.kind} ${type.name}` : type.kind);
