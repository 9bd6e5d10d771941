// Writes the JavaScript that walks the Avro bytes of one writer's schema. Straight code for what an event holds directly,
// so that the engine sees one function with constant positions; a function for each record below lists and maps, which also
// lets recursive schemas end. Nothing of a schema but numbers, and names as JSON strings, gets into the text.
//
// Every step moves `p` and is followed by `p > end`: a byte is read at most once before that, and reading outside an array
// gives undefined, which no step takes for more than a zero. Measured against closures for each type: five times as fast.

import type { AvroRecord, AvroType, AvroUnion } from '../../../../schemas/avro/avro-type.ts';
import { nullableBranch } from '../../../../schemas/avro/avro-type.ts';
import { MAX_DEPTH } from './avro-bytes.ts';
import type { FieldPlace, RecordLayout } from './layout.ts';

const CHECK_END = 'if (p > end) r.truncated();';

/** Source of functions over (b, p, end): each returns the position behind what it walked, or throws. */
export class ScannerSource {
  readonly #functions: string[] = [];
  readonly #names = new Map<AvroRecord, string>();
  #variables = 0;

  /** The body of a function that walks an event and notes positions in `at`; `m` are the wanted keys of its maps. */
  event(layout: RecordLayout): string {
    return `let n = 0; const at = positions.at; positions.forgetKeys();\n${this.#fields(layout)}\nreturn p;`;
  }

  /** The body of a function that walks values one after the other. */
  values(types: readonly AvroType[]): string {
    return `let n = 0;\n${types.map((type) => this.#skip(type, '2')).join('\n')}\nreturn p;`;
  }

  /** The functions that the bodies call. */
  get functions(): string {
    return this.#functions.join('\n');
  }

  #fields({ fields }: RecordLayout): string {
    return fields.map((place) => this.#field(place)).join('\n');
  }

  #field(place: FieldPlace): string {
    const note = `at[${place.slot}] = p;`;
    const value = place.inner ? this.#fields(place.inner) : this.#value(place);
    if (!place.isNullable || place.field.type.kind !== 'union') return `${note}\n${value}`;
    const isNullFirst = place.field.type.branches[0]?.kind === 'null';
    const absent = slotsOf(place).map((slot) => `at[${slot}] = -1;`);
    return `${readIndex()}
if (n === ${isNullFirst ? 1 : 0}) { ${note}\n${value} }
else if (n === ${isNullFirst ? 0 : 1}) { ${absent.join(' ')} }
else r.notBranch(n, 2);`;
  }

  #value({ type, map }: FieldPlace): string {
    return type.kind === 'map' && map !== undefined ? this.#notedMap(type.values, map) : this.#skip(type, '2');
  }

  /** A map whose wanted keys get positions; the last of two equal keys counts, as it does for decoders. */
  #notedMap(values: AvroType, map: number): string {
    const [keys, slot] = [this.#variable(), this.#variable()];
    const bare = nullableBranch(values);
    const note = `if (${slot} >= 0) at[${slot}] = p;`;
    let value = `${note}\n${this.#skip(values, '3')}`;
    if (bare !== undefined && values.kind === 'union') {
      const isNullFirst = values.branches[0]?.kind === 'null';
      value = `${readIndex()}
if (n === ${isNullFirst ? 1 : 0}) { ${note}\n${this.#skip(bare, '4')} }
else if (n === ${isNullFirst ? 0 : 1}) { if (${slot} >= 0) at[${slot}] = -1; }
else r.notBranch(n, 2);`;
    }
    const entry = `${readLength()} const ${slot} = ${keys}.slotOf(b, p, n); p += n; ${CHECK_END}\n${value}`;
    return `const ${keys} = m[${map}];\n${this.#blocks(entry, false)}`;
  }

  #skip(type: AvroType, depth: string): string {
    switch (type.kind) {
      case 'null':
        return '';
      case 'boolean':
        return `if (b[p++] > 1) r.notBoolean(b, p - 1, end); ${CHECK_END}`;
      case 'int':
      case 'long':
        return `if (b[p++] > 127) p = r.${type.kind}(b, p - 1, end); ${CHECK_END}`;
      case 'float':
        return `p += 4; ${CHECK_END}`;
      case 'double':
        return `p += 8; ${CHECK_END}`;
      case 'fixed':
        return `p += ${type.size}; ${CHECK_END}`;
      case 'bytes':
      case 'string':
        return `${readLength()} p += n; ${CHECK_END}`;
      case 'enum': {
        const { symbols, name } = type;
        return `${readIndex()} if (n < 0 || n >= ${symbols.length}) r.notSymbol(n, ${JSON.stringify(name)});`;
      }
      case 'union':
        return this.#union(type, depth);
      case 'array':
        return this.#blocks(this.#skip(type.items, `${depth} + 1`), minWidth(type.items) === 0, depth);
      case 'map': {
        const key = `${readLength()} p += n; ${CHECK_END}`;
        return this.#blocks(`${key}\n${this.#skip(type.values, `${depth} + 1`)}`, false, depth);
      }
      case 'record':
        return `p = ${this.#functionFor(type)}(b, p, end, ${depth});`;
    }
  }

  #union({ branches }: AvroUnion, depth: string): string {
    const cases = branches.map((branch, i) => `case ${i}: { ${this.#skip(branch, `${depth} + 1`)} break; }`);
    return `${checkDepth(depth)}${readIndex()}
switch (n) { ${cases.join('\n')}
default: r.notBranch(n, ${branches.length}); }`;
  }

  /** Blocks of items, each with its count; a negative count is followed by the block's length. */
  #blocks(item: string, mayBeEmpty: boolean, depth = ''): string {
    const [count, stop, before] = [this.#variable(), this.#variable(), this.#variable()];
    const guard = mayBeEmpty ? `if (p === ${before}) r.emptyItem();` : '';
    return `${checkDepth(depth)}for (;;) {
let ${count} = b[p++]; ${CHECK_END}
let ${stop} = -1;
if (${count} & 0x81) {
  ${count} = r.number(b, p - 1, end); p = r.next;
  if (${count} < 0) { ${count} = -${count}; n = r.length(b, p, end); p = r.next; ${stop} = p + n; }
} else ${count} >>= 1;
if (${count} === 0) break;
for (; ${count} > 0; ${count}--) { ${mayBeEmpty ? `const ${before} = p;` : ''}
${item}
${guard} }
if (${stop} >= 0 && p !== ${stop}) r.wrongBlock();
}`;
  }

  /** By identity: names are resolved in the model, so a recursive schema holds the same object again. */
  #functionFor(record: AvroRecord): string {
    const known = this.#names.get(record);
    if (known !== undefined) return known;
    const name = `walk${this.#names.size}`;
    this.#names.set(record, name);
    const body = record.fields.map(({ type }) => this.#skip(type, 'd + 1')).join('\n');
    this.#functions.push(
      `function ${name}(b, p, end, d) { let n = 0; if (d >= ${MAX_DEPTH}) r.tooDeep();\n${body}\nreturn p; }`,
    );
    return name;
  }

  #variable(): string {
    return `v${this.#variables++}`;
  }
}

/** Only inside functions: elsewhere the depth is known, and schemas do not nest that deep. */
const checkDepth = (depth: string): string =>
  depth.startsWith('d') ? `if (${depth} >= ${MAX_DEPTH}) r.tooDeep(); ` : '';

/** Leaves the length in `n`; one byte without sign and continuation is by far the most frequent. */
const readLength = (): string => `n = b[p++]; if (n & 0x81) { n = r.length(b, p - 1, end); p = r.next; } else n >>= 1;`;

/** Leaves the index of a branch or symbol in `n`. */
const readIndex = (): string =>
  `n = b[p++]; if (n & 0x81) { n = r.number(b, p - 1, end); p = r.next; } else n >>= 1; ${CHECK_END}`;

/** The slots of a field and of all inside it. */
const slotsOf = ({ slot, inner }: FieldPlace): readonly number[] => [slot, ...(inner?.fields.flatMap(slotsOf) ?? [])];

/** The fewest bytes that a value takes; a record inside itself takes some, or it could never end. */
function minWidth(type: AvroType, outer: readonly AvroRecord[] = []): number {
  switch (type.kind) {
    case 'null':
      return 0;
    case 'fixed':
      return type.size;
    case 'record':
      if (outer.includes(type)) return 1;
      return type.fields.reduce((sum, field) => sum + minWidth(field.type, [...outer, type]), 0);
    default:
      return 1;
  }
}
