// One Redis: runs commands one at a time in the order in which they reach it, and passes messages on to whoever is
// subscribed at that moment. It may be away, and come back with its data or empty. Its lanes may lose, double and swap.

import { isLaneProbe } from '../../../schemas/lane-probe.ts';
import type { Simulator } from '../engine/simulator.ts';
import { runScript } from '../lua/script.ts';
import { type Argument, RedisData } from './redis-data.ts';

/** The server's end of a connection. */
export interface RedisPeer {
  readonly owner: string;
  /** A message of a channel it is subscribed to. @param isInOrder false: it overtakes what is under way */
  deliver(event: 'message' | 'smessageBuffer', channel: string, payload: Argument, isInOrder: boolean): void;
  /** The server has closed it. */
  onServerClosed(): void;
}

export interface MessageFaults {
  readonly loss: number;
  readonly doubling: number;
  readonly swapping: number;
}

const NO_FAULTS: MessageFaults = { loss: 0, doubling: 0, swapping: 0 };

interface Waiter {
  readonly peer: RedisPeer;
  readonly key: string;
  readonly resolve: (popped: readonly [string, string] | null) => void;
}

export class SimulatedRedis {
  isUp = true;
  messageFaults = NO_FAULTS;
  /** Told of each envelope that was accepted for a lane, by whom, whether or not anybody listens. */
  onAccepted: (owner: string, lane: string, envelope: Uint8Array) => void = () => {};
  /** Told of each envelope when its sender gives it to a connection. */
  onSending: (owner: string, envelope: Uint8Array) => void = () => {};
  /** Told when a worker's heartbeat is written. */
  onHeartbeat: (owner: string) => void = () => {};
  /** Told of the keys of each script that has run. */
  onScript: (keys: readonly string[]) => void = () => {};
  lostMessages = 0;
  readonly data: RedisData;
  readonly #simulator: Simulator;
  readonly #peers = new Set<RedisPeer>();
  readonly #subscribers = new Map<string, Set<RedisPeer>>();
  readonly #waiters: Waiter[] = [];

  constructor(simulator: Simulator) {
    this.#simulator = simulator;
    this.data = new RedisData(() => simulator.nowMs);
  }

  attach(peer: RedisPeer): void {
    this.#peers.add(peer);
  }

  detach(peer: RedisPeer): void {
    this.#peers.delete(peer);
    for (const peers of this.#subscribers.values()) peers.delete(peer);
    for (let i = this.#waiters.length - 1; i >= 0; i--) if (this.#waiters[i]?.peer === peer) this.#waiters.splice(i, 1);
  }

  goAway(keepsData: boolean): void {
    this.isUp = false;
    if (!keepsData) this.data.clear();
    for (const peer of [...this.#peers]) peer.onServerClosed();
    this.#peers.clear();
    this.#subscribers.clear();
    this.#waiters.length = 0;
  }

  comeBack(): void {
    this.isUp = true;
  }

  healMessages(): void {
    this.messageFaults = NO_FAULTS;
  }

  /** @throws Error as Redis answers it */
  execute(peer: RedisPeer, name: string, args: readonly Argument[]): unknown {
    const [first = '', second = ''] = args;
    switch (name) {
      case 'subscribe':
      case 'ssubscribe':
        for (const channel of args) this.#subscribersOf(String(channel)).add(peer);
        return args.length;
      case 'unsubscribe':
      case 'sunsubscribe':
        for (const channel of args) this.#subscribersOf(String(channel)).delete(peer);
        return args.length;
      case 'publish':
        return this.#publish('message', String(first), second);
      case 'spublish':
        if (second instanceof Uint8Array && !isLaneProbe(second)) this.onAccepted(peer.owner, String(first), second);
        return this.#publish('smessageBuffer', String(first), second);
      case 'eval': {
        const [script = '', count, ...rest] = args.map(String);
        const keys = rest.slice(0, Number(count));
        const answer = runScript(script, keys, rest.slice(Number(count)), (called, given) =>
          this.execute(peer, called, given),
        );
        this.onScript(keys);
        return answer;
      }
      default: {
        const answer = this.data.run(name, args);
        if (name === 'lpush' || name === 'rpush') this.#serveWaiters();
        if (name === 'set' && String(first).includes(':worker:')) this.onHeartbeat(peer.owner);
        return answer;
      }
    }
  }

  /** BRPOP: answers when there is something, or with null after the timeout. */
  pop(peer: RedisPeer, key: string, timeoutMs: number, resolve: Waiter['resolve']): void {
    const waiter = { peer, key, resolve };
    this.#waiters.push(waiter);
    this.#serveWaiters();
    this.#simulator.plan(timeoutMs, null, 'pop timeout', () => {
      const place = this.#waiters.indexOf(waiter);
      if (place === -1) return;
      this.#waiters.splice(place, 1);
      resolve(null);
    });
  }

  #serveWaiters(): void {
    for (let i = 0; i < this.#waiters.length; ) {
      const waiter = this.#waiters[i];
      const value = waiter ? this.data.list(waiter.key).pop() : undefined;
      if (!waiter || value === undefined) {
        i += 1;
        continue;
      }
      this.#waiters.splice(i, 1);
      waiter.resolve([waiter.key, value]);
    }
  }

  #subscribersOf(channel: string): Set<RedisPeer> {
    const known = this.#subscribers.get(channel);
    if (known) return known;
    const made = new Set<RedisPeer>();
    this.#subscribers.set(channel, made);
    return made;
  }

  #publish(event: 'message' | 'smessageBuffer', channel: string, payload: Argument): number {
    const { random } = this.#simulator;
    const { loss, doubling, swapping } = this.messageFaults;
    const peers = [...this.#subscribersOf(channel)];
    for (const peer of peers) {
      if (loss > 0 && random.chance(loss)) {
        this.lostMessages += 1;
        this.#simulator.note(`a message to ${peer.owner} on ${channel} is lost`, 'redis');
        continue;
      }
      peer.deliver(event, channel, payload, !(swapping > 0 && random.chance(swapping)));
      if (doubling > 0 && random.chance(doubling)) peer.deliver(event, channel, payload, false);
    }
    return peers.length;
  }
}
