// Events as lines of a table that fits the terminal. Which columns there are follows from the topic's schema: times first,
// then the fields in the schema's order, ids last; what does not fit is left out.

import { fieldsOf, type SchemaField } from '../library/schema-fields.ts';
import { type Column, formatRow } from './table.ts';

interface EventColumn extends Column {
  readonly path: readonly string[];
  readonly type: string;
  readonly width: number;
  /** Takes what width is left. */
  readonly stretches: boolean;
}

const GAP_WIDTH = 2;
const TEXT_WIDTH = 16;
const NUMBER_WIDTH = 12;
const TIME_WIDTH = 12;
/** Names that identify rather than describe: shown when there is room. */
const LAST_COLUMNS: ReadonlySet<string> = new Set(['id', 'tenant', 'traceId']);
const SEVERITY_COLOURS: Readonly<Record<string, string>> = { WARNING: '33', ERROR: '31', CRITICAL: '31;1' };
const NUMBER = /^(int|long|float|double)\??$/;

export class EventTable {
  readonly #columns: readonly EventColumn[];
  readonly #widths: readonly number[];
  readonly #hasColours: boolean;

  /**
   * @param fields paths to show; null: those of the schema
   * @param totalWidth characters of a line
   */
  constructor(schema: unknown, fields: readonly string[] | null, totalWidth: number, hasColours: boolean) {
    const known = fieldsOf(schema);
    const wanted = fields
      ? fields.map((path) => columnOf(known.find((field) => field.path === path) ?? unknownField(path)))
      : inOrder(known).map(columnOf);
    const shown: EventColumn[] = [];
    let used = 0;
    for (const column of wanted) {
      const needed = column.width + (shown.length > 0 ? GAP_WIDTH : 0);
      if (used + needed > totalWidth && shown.length > 0) continue;
      shown.push(column);
      used += needed;
    }
    const stretching = shown.filter(({ stretches }) => stretches).length;
    const extra = stretching > 0 ? Math.max(0, Math.floor((totalWidth - used) / stretching)) : 0;
    this.#columns = shown;
    this.#widths = shown.map(({ width, stretches }) => (stretches ? width + extra : width));
    this.#hasColours = hasColours;
  }

  header(): string {
    const names = this.#columns.map(({ name }) => name.toUpperCase());
    const line = formatRow(names, this.#columns, this.#widths);
    return this.#hasColours ? `\u001b[1m${line}\u001b[0m` : line;
  }

  row(data: unknown): string {
    const cells = this.#columns.map(({ path, type }) => cellOf(valueAt(data, path), type));
    const line = formatRow(cells, this.#columns, this.#widths);
    const colour = this.#hasColours ? cells.map((cell) => SEVERITY_COLOURS[cell]).find((found) => found) : undefined;
    return colour ? `\u001b[${colour}m${line}\u001b[0m` : line;
  }
}

function inOrder(fields: readonly SchemaField[]): readonly SchemaField[] {
  const rank = ({ path, type }: SchemaField): number => (type === 'timestamp' ? 0 : LAST_COLUMNS.has(path) ? 2 : 1);
  return [...fields].sort((a, b) => rank(a) - rank(b));
}

const unknownField = (path: string): SchemaField => ({ path, type: 'string', doc: '', symbols: [] });

function columnOf({ path, type, symbols }: SchemaField): EventColumn {
  const name = path.replace('["…"]', '');
  const isMap = name !== path;
  const isNumber = NUMBER.test(type);
  const width = Math.max(
    name.length,
    ...symbols.map(({ length }) => length),
    widthOf(type, isNumber, symbols.length > 0),
  );
  return {
    name,
    path: name.split(/[.[\]"]+/).filter((part) => part !== ''),
    type,
    width,
    stretches: isMap || type === 'string?',
    ...(isNumber ? { align: 'right' as const } : {}),
  };
}

function widthOf(type: string, isNumber: boolean, isEnum: boolean): number {
  if (type === 'timestamp') return TIME_WIDTH;
  if (isEnum || type === 'boolean') return 0;
  return isNumber ? NUMBER_WIDTH : TEXT_WIDTH;
}

function valueAt(data: unknown, path: readonly string[]): unknown {
  let value: unknown = data;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

function cellOf(value: unknown, type: string): string {
  if (value === undefined || value === null) return '';
  if (type === 'timestamp') return timeOf(value);
  if (typeof value === 'object') {
    if (Array.isArray(value)) return value.map((item) => cellOf(item, '')).join(' ');
    return Object.entries(value)
      .map(([key, inner]) => `${key}=${cellOf(inner, '')}`)
      .join(' ');
  }
  if (typeof value === 'number' && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
  return String(value);
}

/** Larger numbers are micro- or nanoseconds: as ms they would lie beyond the year 5000. */
const LATEST_MS = 1e14;

/** The time of day in the local zone: events on a screen are from now. */
function timeOf(value: unknown): string {
  let ms = typeof value === 'string' && /[^0-9]/.test(value) ? Date.parse(value) : Number(value);
  while (ms > LATEST_MS) ms /= 1000;
  if (!Number.isFinite(ms)) return String(value);
  const date = new Date(ms);
  const two = (part: number): string => String(part).padStart(2, '0');
  const milliseconds = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}
