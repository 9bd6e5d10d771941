// Values of Lua, and how they go to and from Redis and JSON.

export type LuaValue = undefined | boolean | number | string | LuaTable | LuaFunction;
export type LuaFunction = (args: readonly LuaValue[]) => readonly LuaValue[];

export class LuaTable {
  readonly entries = new Map<LuaValue, LuaValue>();

  static of(values: readonly LuaValue[]): LuaTable {
    const table = new LuaTable();
    for (const [i, value] of values.entries()) table.set(i + 1, value);
    return table;
  }

  get(key: LuaValue): LuaValue {
    return this.entries.get(key);
  }

  set(key: LuaValue, value: LuaValue): void {
    if (value === undefined) this.entries.delete(key);
    else this.entries.set(key, value);
  }

  get length(): number {
    let length = 0;
    while (this.entries.has(length + 1)) length += 1;
    return length;
  }

  values(): LuaValue[] {
    return Array.from({ length: this.length }, (_, i) => this.get(i + 1));
  }
}

export const isTrue = (value: LuaValue): boolean => value !== undefined && value !== false;

/** @throws Error as Lua does for arithmetic on something else */
export function numberOf(value: LuaValue): number {
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number' || Number.isNaN(number)) throw new Error(`${String(value)} is no number`);
  return number;
}

/** What `redis.call` gives: a null is false, a list is a table. */
export function fromRedis(value: unknown): LuaValue {
  if (value === null || value === undefined) return false;
  if (typeof value === 'number' || typeof value === 'string') return value;
  if (Array.isArray(value)) return LuaTable.of(value.map(fromRedis));
  if (typeof value === 'object') return LuaTable.of(Object.entries(value).flat().map(fromRedis));
  throw new Error(`Redis does not answer ${typeof value}`);
}

/** What a script returns: a list ends at the first nil, numbers lose their fraction. */
export function toRedis(value: LuaValue): unknown {
  if (value === undefined || value === false) return null;
  if (value === true) return 1;
  if (typeof value === 'number') return Math.trunc(value);
  return value instanceof LuaTable ? value.values().map(toRedis) : value;
}

export function fromJson(value: unknown): LuaValue {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return LuaTable.of(value.map(fromJson));
  if (typeof value !== 'object') return value as string | number | boolean; // nothing else is left in JSON
  const table = new LuaTable();
  for (const [key, inner] of Object.entries(value)) table.set(key, fromJson(inner));
  return table;
}

export function toJson(value: LuaValue): unknown {
  if (!(value instanceof LuaTable)) return value ?? null;
  if (value.length > 0) return value.values().map(toJson);
  return Object.fromEntries([...value.entries].map(([key, inner]) => [String(key), toJson(inner)]));
}
