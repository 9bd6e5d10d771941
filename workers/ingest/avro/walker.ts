// Walks one event in Avro binary: checks all of it against the writer's schema, and notes where its id and its key are. What
// is made once from the schema is a tree of small functions; nothing is decoded.

import { type AvroRecord, type AvroType, eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { AvroReader, corrupt } from './reader.ts';

type Walk = (reader: AvroReader) => void;

/** Recursive schemas let the sender choose the depth. */
const MAX_DEPTH = 64;

export interface WalkedEvent {
  /** Place in the record. */
  readonly index: number;
  readonly start: number;
  readonly end: number;
  /** Null: the schema has no such text field. */
  readonly eventId: string | null;
  readonly key: string | null;
}

export class EventWalker {
  readonly #reader = new AvroReader();
  readonly #fields: readonly Walk[];
  readonly #idAt: number;
  readonly #keyAt: number;

  /** @param record a batch record's schema or an event's; `idField`, `keyField`: text fields of the event */
  constructor(record: AvroRecord, idField: string | undefined, keyField: string | undefined) {
    const event = eventSchemaOf(record);
    const walks = new WalkSource();
    const textField = (name: string | undefined): number =>
      event.fields.findIndex((field) => field.name === name && field.type.kind === 'string');
    this.#fields = event.fields.map(({ type }) => walks.of(type));
    this.#idAt = textField(idField);
    this.#keyAt = textField(keyField);
  }

  /**
   * Events that stand one after the other, as in a batch record's array.
   *
   * @param start behind the header
   * @param isBatch false: the bytes are one event
   * @param onEvent told of each before the rest is known to be sound
   * @throws MdsError `MDS_RECORD_TRUNCATED`, `MDS_RECORD_TRAILING_BYTES` or `MDS_RECORD_CORRUPT`
   */
  walk(bytes: Buffer, start: number, isBatch: boolean, onEvent: (event: WalkedEvent) => void): number {
    const reader = this.#reader;
    reader.reset(bytes, start);
    let index = 0;
    if (!isBatch) onEvent(this.#event(bytes, index));
    else
      for (let left = reader.blockCount(); left > 0; left = reader.blockCount()) {
        if (left > reader.end - reader.at) throw corrupt(`${left} events are announced, which do not fit`);
        while (left-- > 0) onEvent(this.#event(bytes, index++));
      }
    return reader.end - reader.at;
  }

  #event(bytes: Buffer, index: number): WalkedEvent {
    const reader = this.#reader;
    const start = reader.at;
    let eventId: string | null = null;
    let key: string | null = null;
    for (let i = 0; i < this.#fields.length; i++) {
      const from = reader.at;
      this.#fields[i]?.(reader);
      if (i === this.#idAt) eventId = textAt(bytes, from, reader.at);
      if (i === this.#keyAt) key = i === this.#idAt ? eventId : textAt(bytes, from, reader.at);
    }
    return { index, start, end: reader.at, eventId, key };
  }
}

/** A string's text; its bytes were checked. */
function textAt(bytes: Buffer, from: number, end: number): string {
  let start = from;
  while ((bytes[start] ?? 0) >= 0x80) start++;
  return bytes.toString('utf8', start + 1, end);
}

class WalkSource {
  readonly #records = new Map<AvroRecord, Walk>();

  of(type: AvroType): Walk {
    switch (type.kind) {
      case 'null':
        return () => undefined;
      case 'boolean':
        return (reader) => reader.boolean();
      case 'int':
        return (reader) => reader.int();
      case 'long':
        return (reader) => void reader.number();
      case 'float':
        return (reader) => reader.skip(4);
      case 'double':
        return (reader) => reader.skip(8);
      case 'bytes':
        return (reader) => reader.skip(reader.length());
      case 'string':
        return (reader) => reader.skipString();
      case 'fixed':
        return (reader) => reader.skip(type.size);
      case 'enum':
        return (reader) => void reader.index(type.symbols.length, 'symbol');
      case 'union': {
        const branches = type.branches.map((branch) => this.of(branch));
        return (reader) => branches[reader.index(branches.length, 'branch')]?.(reader);
      }
      case 'array':
        return blocks(this.of(type.items), minBytes(type.items));
      case 'map': {
        const walkValue = this.of(type.values);
        return blocks((reader) => {
          reader.skipString();
          walkValue(reader);
        }, 1);
      }
      case 'record':
        return this.#record(type);
    }
  }

  #record(record: AvroRecord): Walk {
    const known = this.#records.get(record);
    if (known) return known;
    let fields: readonly Walk[] = [];
    let depth = 0;
    const walk: Walk = (reader) => {
      if (depth >= MAX_DEPTH) throw corrupt(`a record stands within itself more than ${MAX_DEPTH} levels deep`);
      depth++;
      try {
        for (const field of fields) field(reader);
      } finally {
        depth--;
      }
    };
    this.#records.set(record, walk);
    fields = record.fields.map(({ type }) => this.of(type));
    return walk;
  }
}

/** Items that take no bytes could be announced by the billion: such arrays are refused. */
function blocks(walkItem: Walk, itemBytes: 0 | 1): Walk {
  return (reader) => {
    for (let left = reader.blockCount(); left > 0; left = reader.blockCount()) {
      if (left > reader.end - reader.at || itemBytes === 0)
        throw corrupt(`${left} items are announced, which do not fit`);
      while (left-- > 0) walkItem(reader);
    }
  };
}

/** Whether an item takes a byte at least. */
function minBytes(type: AvroType, depth = 0): 0 | 1 {
  if (type.kind === 'null') return 0;
  if (type.kind === 'fixed') return type.size === 0 ? 0 : 1;
  if (type.kind !== 'record' || depth > MAX_DEPTH) return 1;
  return type.fields.every((field) => minBytes(field.type, depth + 1) === 0) ? 0 : 1;
}
