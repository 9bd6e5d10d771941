// Avro → JSON straight from the bytes, for one projection and writer's schema. The fields of an event are written by
// generated code (event-writer.ts) from the positions that its scan has noted; what they hold, by steps that walk it in order.

import type { AvroMap, AvroRecord, AvroType } from '../../../../schemas/avro/avro-type.ts';
import { projectedFields } from '../../../../schemas/plan/projected-fields.ts';
import type { Layout, Positions } from '../scan/layout.ts';
import { behindVarint, doubleAt, floatAt, intAt, longAt } from '../scan/values.ts';
import { generateEventWriter, type Step, type WriteEvent } from './event-writer.ts';
import { type JsonSink, type PlainText, plainText } from './json-sink.ts';

const NULL = plainText('null');
const TRUE = plainText('true');
const FALSE = plainText('false');
const EMPTY = plainText('{}');
const COMMA = 0x2c;
const COLON = 0x3a;

export interface JsonProjection {
  /** Projected paths; null for whole events. */
  readonly paths: readonly string[] | null;
  /** Older names of projected top-level fields. */
  readonly aliases: ReadonlyMap<string, readonly string[]>;
}

/** @returns writes the event whose positions are noted to the end of the sink */
export function jsonTranscoder(
  layout: Layout,
  positions: Positions,
  { paths, aliases }: JsonProjection,
  sink: JsonSink,
): WriteEvent {
  const steps = new JsonSteps(sink);
  const fields = projectedFields(layout.record, paths, aliases).flatMap(({ field, name, rests }, i) => {
    const place = layout.fields.find((candidate) => candidate.field === field);
    return place ? [{ prefix: prefixOf(name, i), place, step: steps.value(place.type, rests) }] : [];
  });
  return fields.length === 0 ? () => sink.plain(EMPTY) : generateEventWriter(fields, positions, sink);
}

const prefixOf = (name: string, i: number): PlainText => plainText(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:`);

class JsonSteps {
  readonly #sink: JsonSink;
  /** Steps of whole records, so that a recursive schema meets itself. */
  readonly #known = new Map<AvroRecord, Step>();

  constructor(sink: JsonSink) {
    this.#sink = sink;
  }

  /** @param paths inside the value; null for all of it */
  value(type: AvroType, paths: readonly string[] | null): Step {
    const sink = this.#sink;
    switch (type.kind) {
      case 'null':
        return (_, p) => {
          sink.plain(NULL);
          return p;
        };
      case 'boolean':
        return (b, p) => {
          sink.plain(b[p] === 1 ? TRUE : FALSE);
          return p + 1;
        };
      case 'int':
        return (b, p) => {
          sink.int(intAt(b, p));
          return behindVarint(b, p);
        };
      case 'long':
        return (b, p) => {
          sink.long(b, p);
          return behindVarint(b, p);
        };
      case 'float':
        return (b, p) => {
          sink.double(floatAt(b, p));
          return p + 4;
        };
      case 'double':
        return (b, p) => {
          sink.double(doubleAt(b, p));
          return p + 8;
        };
      case 'string':
        return (b, p) => {
          const start = behindVarint(b, p);
          const end = start + longAt(b, p);
          sink.string(b, start, end);
          return end;
        };
      case 'bytes':
        return (b, p) => {
          const start = behindVarint(b, p);
          const end = start + longAt(b, p);
          sink.base64(b, start, end);
          return end;
        };
      case 'fixed':
        return (b, p) => {
          sink.base64(b, p, p + type.size);
          return p + type.size;
        };
      case 'enum': {
        const symbols = type.symbols.map((symbol) => plainText(JSON.stringify(symbol)));
        return (b, p) => {
          sink.plain(symbols[intAt(b, p)] ?? NULL);
          return behindVarint(b, p);
        };
      }
      case 'union':
        return this.#union(type.branches, paths);
      case 'array':
        return this.#array(this.value(type.items, paths));
      case 'map':
        return this.#map(type, paths);
      case 'record':
        return paths === null ? this.#wholeRecord(type) : this.#record(type, paths, () => {});
    }
  }

  #union(branches: readonly AvroType[], paths: readonly string[] | null): Step {
    const steps = branches.map((branch) => this.value(branch, paths));
    return (b, p) => steps[intAt(b, p)]?.(b, behindVarint(b, p)) ?? p;
  }

  #array(item: Step): Step {
    const sink = this.#sink;
    return (b, p) => {
      sink.byte(0x5b);
      const end = this.#items(b, p, item);
      sink.byte(0x5d);
      return end;
    };
  }

  /** Blocks of items with commas between them. */
  #items(b: Uint8Array, p: number, item: Step): number {
    let at = p;
    let isFirst = true;
    for (;;) {
      let count = longAt(b, at);
      at = behindVarint(b, at);
      if (count === 0) return at;
      if (count < 0) {
        count = -count;
        at = behindVarint(b, at);
      }
      for (; count > 0; count--) {
        if (!isFirst) this.#sink.byte(COMMA);
        isFirst = false;
        at = item(b, at);
      }
    }
  }

  #map({ values }: AvroMap, keys: readonly string[] | null): Step {
    const sink = this.#sink;
    const value = this.value(values, null);
    if (keys !== null) return this.#pickedMap(value, keys);
    const entry: Step = (b, p) => {
      const start = behindVarint(b, p);
      const end = start + longAt(b, p);
      sink.string(b, start, end);
      sink.byte(COLON);
      return value(b, end);
    };
    return (b, p) => {
      sink.byte(0x7b);
      const end = this.#items(b, p, entry);
      sink.byte(0x7d);
      return end;
    };
  }

  /** Only some keys: what is not wanted is written too and taken back, which is rare and keeps one walk for all. */
  #pickedMap(value: Step, keys: readonly string[]): Step {
    const sink = this.#sink;
    const wanted = keys.map((key) => Buffer.from(key));
    return (b, p) => {
      sink.byte(0x7b);
      let isFirst = true;
      let at = p;
      for (;;) {
        let count = longAt(b, at);
        at = behindVarint(b, at);
        if (count === 0) break;
        if (count < 0) {
          count = -count;
          at = behindVarint(b, at);
        }
        for (; count > 0; count--) {
          const start = behindVarint(b, at);
          const end = start + longAt(b, at);
          const before = sink.end;
          if (!isFirst) sink.byte(COMMA);
          sink.string(b, start, end);
          sink.byte(COLON);
          at = value(b, end);
          if (wanted.some((key) => key.equals(b.subarray(start, end)))) isFirst = false;
          else sink.end = before;
        }
      }
      sink.byte(0x7d);
      return at;
    };
  }

  #wholeRecord(record: AvroRecord): Step {
    const known = this.#known.get(record);
    if (known) return known;
    return this.#record(record, null, (step) => this.#known.set(record, step));
  }

  #record(record: AvroRecord, paths: readonly string[] | null, announce: (step: Step) => void): Step {
    const sink = this.#sink;
    const parts: { prefix: PlainText | null; step: Step }[] = [];
    const step: Step = (b, p) => {
      let at = p;
      let isEmpty = true;
      for (let i = 0; i < parts.length; i++) {
        const part = parts[i];
        if (part === undefined) continue;
        if (part.prefix === null) {
          const before = sink.end;
          at = part.step(b, at);
          sink.end = before;
          continue;
        }
        sink.plain(part.prefix);
        isEmpty = false;
        at = part.step(b, at);
      }
      if (isEmpty) sink.byte(0x7b);
      sink.byte(0x7d);
      return at;
    };
    announce(step);
    const picked = new Map(projectedFields(record, paths, new Map()).map((one) => [one.field, one]));
    let count = 0;
    for (const field of record.fields) {
      const one = picked.get(field);
      const rests = one?.rests ?? null;
      parts.push({ prefix: one ? prefixOf(one.name, count++) : null, step: this.value(field.type, rests) });
    }
    return step;
  }
}
