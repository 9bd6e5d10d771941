// From an event as parsed JSON straight to Avro bytes, without a checked copy of it between: what the topic's schema asks for
// is fixed when the encoder is made. It knows the plain cases only, and says so; whoever is told false goes the long way
// (schemas/avro/event-json.ts), which knows all of them and every error. A property test holds the two together.

import type { AvroField, AvroRecord, AvroType } from '../../../schemas/avro/avro-type.ts';
import { nullableBranch } from '../../../schemas/avro/avro-type.ts';
import { decodedDefault, isDefaultOf } from '../../../schemas/avro/default-value.ts';
import { unitsOfIsoTime } from '../../../schemas/avro/event-json.ts';
import { AvroOutput } from './output.ts';

/** @returns false when the value is not plain: what was written then must be dropped */
export type Write = (out: AvroOutput, json: unknown) => boolean;

const INT_LIMIT = 2 ** 31;
const notPlain: Write = () => false;

export const encoderOf = (record: AvroRecord): Write => new EncoderSource().record(record);

/** Records are made once each, so that a schema may contain itself. */
class EncoderSource {
  readonly #records = new Map<AvroRecord, Write>();

  record(record: AvroRecord): Write {
    const made = this.#records.get(record);
    if (made) return made;
    let write: Write = notPlain;
    this.#records.set(record, (out, json) => write(out, json));
    write = recordWriter(record.fields.map((field) => this.#field(field)));
    this.#records.set(record, write);
    return write;
  }

  #field(field: AvroField): FieldWriter {
    return { name: field.name, write: this.#of(field.type), missing: this.#missing(field) };
  }

  /** The bytes of a field's default; null when there is none, or the long way must write it. */
  #missing({ hasDefault, default: json, type }: AvroField): Uint8Array | null {
    const out = new AvroOutput();
    if (!hasDefault && !nullableBranch(type)) return null;
    const isWritten = this.#default(out, hasDefault ? json : null, type);
    return isWritten ? Uint8Array.from(out.bytes.subarray(0, out.at)) : null;
  }

  #default(out: AvroOutput, json: unknown, type: AvroType): boolean {
    if (type.kind !== 'union') return this.#of(type)(out, decodedDefault(json, type));
    const index = type.branches.findIndex((candidate) => isDefaultOf(json, candidate));
    const branch = type.branches[index];
    if (!branch) return false;
    out.long(index);
    return this.#default(out, json, branch);
  }

  #of(type: AvroType): Write {
    switch (type.kind) {
      case 'record':
        return this.record(type);
      case 'union':
        return this.#union(type);
      case 'array':
        return arrayWriter(this.#of(type.items));
      case 'map':
        return mapWriter(this.#of(type.values));
      case 'enum':
        return enumWriter(type.symbols);
      case 'string':
        return writeString;
      case 'double':
        return writeDouble;
      case 'float':
        return writeFloat;
      case 'int':
        return writeInt;
      case 'long':
        return longWriter(type.logical?.name);
      case 'boolean':
        return writeBoolean;
      case 'null':
        return (_out, json) => json === null;
      default:
        return notPlain; // bytes and fixed
    }
  }

  /** Unions of null and one type; of others it depends on the value which branch is meant. */
  #union(type: AvroType & { readonly kind: 'union' }): Write {
    const branch = nullableBranch(type);
    if (!branch) return notPlain;
    const write = this.#of(branch);
    const nullIndex = type.branches[0]?.kind === 'null' ? 0 : 1;
    return (out, json) => {
      out.byte(json === null ? nullIndex * 2 : (1 - nullIndex) * 2);
      return json === null || write(out, json);
    };
  }
}

interface FieldWriter {
  readonly name: string;
  readonly write: Write;
  /** What stands for a field that is not given; null: the long way knows. */
  readonly missing: Uint8Array | null;
}

function recordWriter(fields: readonly FieldWriter[]): Write {
  return (out, json) => {
    if (!isObject(json)) return false;
    let unseen = 0;
    for (const _name in json) unseen++;
    for (const { name, write, missing } of fields) {
      const value = json[name];
      if (value !== undefined) {
        if (!write(out, value)) return false;
        unseen--;
      } else if (missing !== null) out.raw(missing);
      else return false;
    }
    return unseen === 0; // else there is a member that the schema does not know
  };
}

const isObject = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

function arrayWriter(writeItem: Write): Write {
  return (out, json) => {
    if (!Array.isArray(json)) return false;
    if (json.length > 0) out.long(json.length);
    for (const item of json) if (!writeItem(out, item)) return false;
    out.byte(0);
    return true;
  };
}

function mapWriter(writeValue: Write): Write {
  return (out, json) => {
    if (!isObject(json)) return false;
    const keys = Object.keys(json);
    if (keys.length > 0) out.long(keys.length);
    for (const key of keys) {
      out.string(key);
      if (!writeValue(out, json[key])) return false;
    }
    out.byte(0);
    return true;
  };
}

function enumWriter(symbols: readonly string[]): Write {
  const indexes = new Map(symbols.map((symbol, index) => [symbol, index]));
  return (out, json) => {
    const index = typeof json === 'string' ? indexes.get(json) : undefined;
    if (index === undefined) return false;
    out.long(index);
    return true;
  };
}

const writeString: Write = (out, json) => {
  if (typeof json !== 'string') return false;
  out.string(json);
  return true;
};

const writeDouble: Write = (out, json) => {
  if (typeof json !== 'number') return false;
  out.double(json);
  return true;
};

const writeFloat: Write = (out, json) => {
  if (typeof json !== 'number') return false;
  out.float(json);
  return true;
};

const writeInt: Write = (out, json) => {
  if (typeof json !== 'number' || !Number.isInteger(json) || json < -INT_LIMIT || json >= INT_LIMIT) return false;
  out.long(json);
  return true;
};

const writeBoolean: Write = (out, json) => {
  if (typeof json !== 'boolean') return false;
  out.byte(json ? 1 : 0);
  return true;
};

function longWriter(logical: string | undefined): Write {
  return (out, json) => {
    if (typeof json === 'number' && Number.isSafeInteger(json)) {
      out.long(json);
      return true;
    }
    const units = typeof json === 'string' && logical !== undefined ? unitsOfIsoTime(json, logical) : null;
    if (units === null || units !== BigInt.asIntN(64, units)) return false;
    out.long(units);
    return true;
  };
}
