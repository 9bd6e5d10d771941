// The keys of the simulated Redis and the commands on them that the service uses, with expiry by true time.

type Value = string | Map<string, string> | Set<string> | string[];
export type Argument = string | number | Uint8Array;

interface Entry {
  readonly value: Value;
  expiresAtMs: number;
}

const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';

export class RedisData {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  clear(): void {
    this.#entries.clear();
  }

  /** @throws Error as Redis answers it */
  run(name: string, args: readonly Argument[]): unknown {
    if (name === 'time') return this.#time();
    const command = COMMANDS[name];
    if (!command) throw new Error(`the simulated Redis does not know ${name}`);
    return command(this, args.map(String));
  }

  #time(): readonly string[] {
    const nowMs = this.#now();
    return [`${Math.floor(nowMs / 1000)}`, `${Math.floor((nowMs % 1000) * 1000)}`];
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry && entry.expiresAtMs <= this.#now()) {
      this.#entries.delete(key);
      return undefined;
    }
    return entry?.value;
  }

  set(key: string, value: Value, ttlMs = Number.POSITIVE_INFINITY): void {
    this.#entries.set(key, { value, expiresAtMs: this.#now() + ttlMs });
  }

  delete(key: string): number {
    const existed = this.get(key) !== undefined;
    this.#entries.delete(key);
    return existed ? 1 : 0;
  }

  expire(key: string, ttlMs: number): number {
    const entry = this.get(key) === undefined ? undefined : this.#entries.get(key);
    if (entry) entry.expiresAtMs = this.#now() + ttlMs;
    return entry ? 1 : 0;
  }

  text(key: string): string | null {
    const value = this.get(key);
    if (value !== undefined && typeof value !== 'string') throw new Error(WRONG_TYPE);
    return value ?? null;
  }

  hash(key: string, isMade = false): Map<string, string> {
    const value = this.get(key);
    if (value instanceof Map) return value;
    if (value !== undefined) throw new Error(WRONG_TYPE);
    const made = new Map<string, string>();
    if (isMade) this.set(key, made);
    return made;
  }

  members(key: string, isMade = false): Set<string> {
    const value = this.get(key);
    if (value instanceof Set) return value;
    if (value !== undefined) throw new Error(WRONG_TYPE);
    const made = new Set<string>();
    if (isMade) this.set(key, made);
    return made;
  }

  list(key: string, isMade = false): string[] {
    const value = this.get(key);
    if (Array.isArray(value)) return value;
    if (value !== undefined) throw new Error(WRONG_TYPE);
    const made: string[] = [];
    if (isMade) this.set(key, made);
    return made;
  }
}

type Command = (data: RedisData, args: readonly string[]) => unknown;

const COMMANDS: Readonly<Record<string, Command>> = {
  ping: () => 'PONG',
  get: (data, [key = '']) => data.text(key),
  mget: (data, keys) => keys.map((key) => data.text(key)),
  set: (data, [key = '', value = '', unit, ttl]) => {
    data.set(key, value, unit === 'PX' ? Number(ttl) : undefined);
    return 'OK';
  },
  del: (data, keys) => keys.reduce((count, key) => count + data.delete(key), 0),
  exists: (data, keys) => keys.filter((key) => data.get(key) !== undefined).length,
  pexpire: (data, [key = '', ttl]) => data.expire(key, Number(ttl)),
  hset: (data, [key = '', ...pairs]) => {
    const hash = data.hash(key, true);
    for (let i = 0; i + 1 < pairs.length; i += 2) hash.set(pairs[i] ?? '', pairs[i + 1] ?? '');
    return pairs.length / 2;
  },
  hget: (data, [key = '', field = '']) => data.hash(key).get(field) ?? null,
  hgetall: (data, [key = '']) => Object.fromEntries(data.hash(key)),
  hmget: (data, [key = '', ...fields]) => fields.map((field) => data.hash(key).get(field) ?? null),
  hlen: (data, [key = '']) => data.hash(key).size,
  hexists: (data, [key = '', field = '']) => (data.hash(key).has(field) ? 1 : 0),
  unlink: (data, keys) => keys.reduce((count, key) => count + data.delete(key), 0),
  /** The stream itself is not kept: nobody here reads trails. */
  xadd: () => '0-1',
  hdel: (data, [key = '', ...fields]) => {
    const hash = data.hash(key);
    const removed = fields.filter((field) => hash.delete(field)).length;
    if (hash.size === 0) data.delete(key);
    return removed;
  },
  sadd: (data, [key = '', ...members]) => {
    const set = data.members(key, true);
    for (const member of members) set.add(member);
    return members.length;
  },
  srem: (data, [key = '', ...members]) => {
    const set = data.members(key);
    return members.filter((member) => set.delete(member)).length;
  },
  smembers: (data, [key = '']) => [...data.members(key)],
  lpush: (data, [key = '', ...values]) => data.list(key, true).unshift(...values.reverse()),
  llen: (data, [key = '']) => data.list(key).length,
  rpush: (data, [key = '', ...values]) => data.list(key, true).push(...values),
  lrange: (data, [key = '', first, last]) => sliceOf(data.list(key), Number(first), Number(last)),
  rpop: (data, [key = '', count]) => {
    const list = data.list(key);
    if (count === undefined) return list.pop() ?? null;
    const popped = list.splice(-Math.min(Number(count), list.length)).reverse();
    return popped.length > 0 ? popped : null;
  },
  ltrim: (data, [key = '', first, last]) => {
    const list = data.list(key);
    list.splice(0, list.length, ...sliceOf(list, Number(first), Number(last)));
    return 'OK';
  },
};

/** Both ends belong to it; negative ones count from the end. */
const sliceOf = (list: readonly string[], first: number, last: number): string[] =>
  list.slice(first, last === -1 ? undefined : last + 1);
