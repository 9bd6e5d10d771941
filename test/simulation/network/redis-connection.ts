// A process' connection to the simulated Redis, with the part of ioredis' interface that the service uses. Bytes keep
// their order in each direction; the connection may stall, or break with commands under way: of those, the first few may
// have been run and nobody knows how many. It comes back by itself and subscribes again, as platform/redis.ts has it.

import { EventEmitter } from 'node:events';
import type { Redis } from '../../../platform/redis.ts';
import { isLaneProbe } from '../../../schemas/lane-probe.ts';
import type { SimulatedProcess } from '../engine/simulated-process.ts';
import type { Simulator } from '../engine/simulator.ts';
import type { Argument } from './redis-data.ts';
import type { RedisPeer, SimulatedRedis } from './simulated-redis.ts';

type Answer = readonly [error: Error | null, value: unknown];
type Given = Argument | readonly Argument[] | Readonly<Record<string, Argument>>;

interface Batch {
  readonly commands: readonly (readonly [name: string, args: readonly Argument[]])[];
  readonly settle: (answers: readonly Answer[] | Error) => void;
  isExecuted: boolean;
  isSettled: boolean;
  /** The process is gone, the network still has it: it reaches the server when it would have anyway. */
  isOnItsWay: boolean;
}

const LATENCY_MS = { low: 0.1, high: 2 } as const;
const RECONNECT_MS = { low: 20, high: 800 } as const;
const LATE_MS = { low: 20, high: 4000 } as const;
const COMMAND_TIMEOUT_MS = 5000;
const NAMES =
  `get mget set del exists pexpire hset hget hmget hlen hexists hgetall hdel unlink xadd eval time sadd srem smembers lpush rpush llen lrange rpop ltrim publish
  spublish subscribe ssubscribe unsubscribe sunsubscribe ping`.split(/\s+/);

export class RedisConnection extends EventEmitter implements RedisPeer {
  status = 'connecting';
  readonly owner: string;
  readonly #simulator: Simulator;
  readonly #server: SimulatedRedis;
  readonly #process: SimulatedProcess;
  readonly #timesOut: boolean;
  /** Grows with each break: what belongs to an earlier one is void. */
  #life = 0;
  #toServerAtMs = 0;
  #toClientAtMs = 0;
  #stalledUntilMs = 0;
  #underWay: Batch[] = [];
  readonly #subscriptions = new Set<string>();
  #isEnded = false;

  constructor(simulator: Simulator, server: SimulatedRedis, process: SimulatedProcess, timesOut = true) {
    super();
    this.#simulator = simulator;
    this.#server = server;
    this.#process = process;
    this.#timesOut = timesOut;
    this.owner = process.name;
    this.#reconnectIn(0);
    process.onCrash(() => this.#vanish());
  }

  get asRedis(): Redis {
    return this as unknown as Redis;
  }

  /** Nothing moves on it for so long. */
  stall(durationMs: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#simulator.nowMs + durationMs);
  }

  /** The network between them breaks. */
  cut(): void {
    this.#loseUnderWay();
    this.#server.detach(this);
    this.onServerClosed();
  }

  onServerClosed(): void {
    if (this.#isEnded) return;
    this.#loseUnderWay();
    const life = ++this.#life;
    this.#simulator.plan(0, this.#process, 'redis closed', () => this.#onClosed(life));
  }

  disconnect(reconnects = false): void {
    this.#server.detach(this);
    this.#loseUnderWay();
    this.#life += 1;
    if (!reconnects) this.#isEnded = true;
    this.#onClosed(this.#life);
  }

  deliver(event: 'message' | 'smessageBuffer', channel: string, payload: Argument, isInOrder: boolean): void {
    const life = this.#life;
    const copy = payload instanceof Uint8Array ? Buffer.from(payload) : String(payload);
    const name = event === 'smessageBuffer' ? Buffer.from(channel) : channel;
    this.#simulator.plan(
      isInOrder ? this.#delayToClient() : this.#delayOutOfOrder(),
      this.#process,
      'redis message',
      () => {
        if (life === this.#life) this.emit(event, name, copy);
      },
    );
  }

  pipeline(): Chain {
    return new Chain((commands) => this.#send(commands, false));
  }

  multi(commands: readonly (readonly Given[])[] = []): Chain {
    const chain = new Chain((sent) => this.#send(sent, true));
    for (const [name = '', ...args] of commands) chain.add(String(name), args);
    return chain;
  }

  brpop(key: string, timeoutSeconds: number): Promise<readonly [string, string] | null> {
    if (this.status !== 'ready') return Promise.reject(closed());
    const { promise, resolve, reject } = Promise.withResolvers<readonly [string, string] | null>();
    const life = this.#life;
    const batch: Batch = {
      commands: [],
      settle: (answers) => (answers instanceof Error ? reject(answers) : undefined),
      isExecuted: true,
      isSettled: false,
      isOnItsWay: false,
    };
    this.#underWay.push(batch);
    this.#simulator.plan(this.#delayToServer(), null, 'brpop', () => {
      if (life !== this.#life) return;
      this.#server.pop(this, key, timeoutSeconds * 1000, (popped) => {
        this.#simulator.plan(this.#delayToClient(), this.#process, 'popped', () => {
          if (life !== this.#life) return;
          this.#underWay = this.#underWay.filter((other) => other !== batch);
          resolve(popped);
        });
      });
    });
    return promise;
  }

  async call(name: string, args: readonly Given[]): Promise<unknown> {
    const [answer] = await this.#send([[name, flat(args)]], false);
    if (answer?.[0]) throw answer[0];
    return answer?.[1];
  }

  #send(commands: Batch['commands'], isAtomic: boolean): Promise<readonly Answer[]> {
    if (this.status !== 'ready') {
      const error = closed();
      return isAtomic || commands.length === 1
        ? Promise.reject(error)
        : Promise.resolve(commands.map(() => [error, null] as const));
    }
    const { promise, resolve, reject } = Promise.withResolvers<readonly Answer[]>();
    const settle = (answers: readonly Answer[] | Error): void => {
      if (!(answers instanceof Error)) resolve(answers);
      else if (isAtomic || commands.length === 1) reject(answers);
      else resolve(commands.map(() => [answers, null] as const));
    };
    for (const [name, args] of commands) {
      this.#remember(name, args);
      const [, bytes] = args;
      if (name === 'spublish' && bytes instanceof Uint8Array && !isLaneProbe(bytes)) {
        this.#server.onSending(this.owner, bytes);
      }
    }
    const batch: Batch = { commands, settle, isExecuted: false, isSettled: false, isOnItsWay: false };
    this.#underWay.push(batch);
    const life = this.#life;
    this.#simulator.plan(this.#delayToServer(), null, 'redis commands', () => {
      if (!batch.isExecuted && (life === this.#life || (batch.isOnItsWay && this.#server.isUp))) this.#execute(batch);
    });
    if (this.#timesOut) {
      this.#simulator.plan(COMMAND_TIMEOUT_MS, this.#process, 'command timeout', () => {
        this.#settle(batch, new Error('Command timed out'));
      });
    }
    return promise;
  }

  #remember(name: string, args: readonly Argument[]): void {
    if (name === 'subscribe' || name === 'ssubscribe') {
      for (const channel of args) this.#subscriptions.add(`${name} ${channel}`);
    }
  }

  #execute(batch: Batch): void {
    batch.isExecuted = true;
    const life = this.#life;
    const answers = batch.commands.map(([name, args]): Answer => {
      try {
        return [null, this.#server.execute(this, name, args)];
      } catch (error) {
        return [error instanceof Error ? error : new Error(String(error)), null];
      }
    });
    this.#simulator.plan(this.#delayToClient(), this.#process, 'redis answers', () => {
      if (life === this.#life) this.#settle(batch, answers);
    });
  }

  #settle(batch: Batch, answers: readonly Answer[] | Error): void {
    if (batch.isSettled) return;
    batch.isSettled = true;
    this.#underWay = this.#underWay.filter((other) => other !== batch);
    batch.settle(answers);
  }

  /** Of what was sent and not run yet, the first few still reach the server. */
  #loseUnderWay(): void {
    const unexecuted = this.#underWay.filter(({ isExecuted }) => !isExecuted);
    const reaching = this.#simulator.random.below(unexecuted.length + 1);
    for (const [i, batch] of unexecuted.entries()) {
      batch.isExecuted = true;
      if (i >= reaching || !this.#server.isUp) continue;
      for (const [name, args] of batch.commands) this.#server.execute(this, name, args);
    }
  }

  #onClosed(life: number): void {
    if (life !== this.#life) return;
    const underWay = this.#underWay.splice(0);
    this.status = this.#isEnded ? 'end' : 'reconnecting';
    for (const batch of underWay) {
      batch.isSettled = true;
      batch.settle(closed());
    }
    this.emit('close');
    if (!this.#isEnded) this.#reconnectIn(this.#simulator.random.between(RECONNECT_MS.low, RECONNECT_MS.high));
  }

  #reconnectIn(delayMs: number): void {
    const life = this.#life;
    const stallMs = Math.max(0, this.#stalledUntilMs - this.#simulator.nowMs);
    this.#simulator.plan(delayMs + stallMs + this.#latency(), this.#process, 'redis connects', () => {
      if (life !== this.#life || this.#isEnded) return;
      if (!this.#server.isUp) {
        this.#reconnectIn(this.#simulator.random.between(RECONNECT_MS.low, RECONNECT_MS.high));
        return;
      }
      this.#server.attach(this);
      this.status = 'ready';
      for (const subscription of this.#subscriptions) {
        const [name = '', channel = ''] = subscription.split(' ');
        this.#send([[name, [channel]]], false).catch(() => undefined); // the next connection subscribes again
      }
      this.emit('ready');
    });
  }

  #vanish(): void {
    this.#isEnded = true;
    if (this.#simulator.random.chance(0.5)) this.#loseUnderWay();
    for (const batch of this.#underWay) batch.isOnItsWay = true;
    this.#life += 1;
    this.#server.detach(this);
  }

  #latency(): number {
    return this.#simulator.random.between(LATENCY_MS.low, LATENCY_MS.high);
  }

  /** Mostly it changes places with its neighbours; some come so late that their sender is no owner any more. */
  #delayOutOfOrder(): number {
    const { random } = this.#simulator;
    return random.chance(0.2) ? random.between(LATE_MS.low, LATE_MS.high) : this.#latency() * 3;
  }

  #delayToServer(): number {
    const at = Math.max(this.#simulator.nowMs + this.#latency(), this.#toServerAtMs, this.#stalledUntilMs);
    this.#toServerAtMs = at;
    return at - this.#simulator.nowMs;
  }

  #delayToClient(): number {
    const at = Math.max(this.#simulator.nowMs + this.#latency(), this.#toClientAtMs, this.#stalledUntilMs);
    this.#toClientAtMs = at;
    return at - this.#simulator.nowMs;
  }
}

/** Commands that go together. */
class Chain {
  readonly #commands: [string, readonly Argument[]][] = [];
  readonly #send: (commands: Batch['commands']) => Promise<readonly Answer[]>;

  constructor(send: (commands: Batch['commands']) => Promise<readonly Answer[]>) {
    this.#send = send;
  }

  add(name: string, args: readonly Given[]): this {
    this.#commands.push([name, flat(args)]);
    return this;
  }

  exec(): Promise<readonly Answer[]> {
    return this.#send(this.#commands);
  }
}

function flat(args: readonly Given[]): Argument[] {
  return args.flatMap((arg): Argument[] => {
    if (typeof arg !== 'object' || arg instanceof Uint8Array) return [arg];
    return Array.isArray(arg) ? [...arg] : Object.entries(arg as Record<string, Argument>).flat();
  });
}

const closed = (): Error => new Error('Connection is closed.');

for (const name of NAMES) {
  Object.defineProperty(RedisConnection.prototype, name, {
    value(this: RedisConnection, ...args: Given[]) {
      return this.call(name, args);
    },
  });
  Object.defineProperty(Chain.prototype, name, {
    value(this: Chain, ...args: Given[]) {
      return this.add(name, args);
    },
  });
}
