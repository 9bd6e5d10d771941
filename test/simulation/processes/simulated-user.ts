// A program of a user, on the real client library: subscribes, keeps what it gets together with the token, stands still or
// dies now and then, and comes back with the token it kept.

import { MdsClient } from '../../../client/library/mds-client.ts';
import type { Subscription } from '../../../client/library/subscription.ts';
import type { SimulatedProcess } from '../engine/simulated-process.ts';
import { TOPIC_NAME, WISHES, type Wish } from '../truth.ts';
import { Ledger } from '../watch/ledger.ts';
import type { World } from '../world.ts';

const BUFFER_EVENTS = 12;

export class SimulatedUser {
  readonly name: string;
  process: SimulatedProcess;
  readonly ledgers: readonly Ledger[];
  readonly #world: World;
  #client: MdsClient | null = null;
  readonly #subscriptions = new Map<Ledger, Subscription<unknown>>();
  /** How long it takes over a batch. */
  thinkMs = 0;

  constructor(world: World, number: number) {
    this.#world = world;
    this.name = `user-${number}`;
    this.process = world.simulator.newProcess(this.name);
    const wishes = [WISHES[number % WISHES.length], WISHES[(number + 2) % WISHES.length]];
    this.ledgers = wishes
      .slice(0, 1 + (number % 2))
      .map((wish, i) => new Ledger(world, `${this.name}.${i}`, wish as Wish));
    this.#start();
  }

  get isSettled(): boolean {
    return this.ledgers.every((ledger) => {
      const subscription = this.#subscriptions.get(ledger);
      return subscription?.state === 'live' && subscription.bufferedEvents === 0 && ledger.isComplete;
    });
  }

  /** What it waits for, for people to read. */
  get situation(): string {
    const states = this.ledgers.map((ledger) => `${this.#subscriptions.get(ledger)?.state} ${ledger.missing}`);
    return `${this.name} ${this.#client?.state.state}: ${states.join('; ')}`;
  }

  /** Looked at behind each of its steps: the token it would keep now claims nothing it was not given. */
  assertHonest(): void {
    for (const [ledger, subscription] of this.#subscriptions) ledger.checkToken(subscription.token);
  }

  crash(): void {
    this.process.crash();
    this.#subscriptions.clear();
    this.#client = null;
  }

  comeBack(): void {
    if (!this.process.isGone) return;
    this.process = this.#world.simulator.newProcess(this.name);
    this.#start();
  }

  /** One of its subscriptions is no longer wanted for a while. */
  leave(): void {
    const ledger = this.#world.simulator.random.pick(this.ledgers);
    const subscription = this.#subscriptions.get(ledger);
    if (!subscription) return;
    this.#subscriptions.delete(ledger);
    this.#as(() => subscription.unsubscribe());
  }

  returnToAll(): void {
    if (this.process.isGone) return;
    for (const ledger of this.ledgers) if (!this.#subscriptions.has(ledger)) this.#as(() => this.#subscribe(ledger));
  }

  #start(): void {
    this.#as(() => {
      this.#client = new MdsClient(this.#world.clientOptions(this.process));
      for (const ledger of this.ledgers) this.#subscribe(ledger);
    });
  }

  #subscribe(ledger: Ledger): void {
    if (this.#subscriptions.has(ledger)) return;
    const { token, wish } = ledger;
    const resume = token === null ? {} : { resume: token };
    const onState = (state: string, error: Error | null): void =>
      this.#world.simulator.note(`${ledger.name} ${state} ${error?.message ?? ''}`, this.name);
    const subscription = this.#client?.subscribe(
      { topic: TOPIC_NAME, filter: wish.filter, bufferEvents: BUFFER_EVENTS, onState, ...resume },
      {
        onEvents: async ({ partition, events }) => {
          if (this.#subscriptions.get(ledger) !== subscription) return;
          for (const { cursor, data } of events) ledger.take(partition, cursor, data);
          if (this.thinkMs > 0) await new Promise((resolve) => setTimeout(resolve, this.thinkMs));
        },
        onGap: (gap) => ledger.takeGap(gap),
        onEnd: (error) => {
          if (error) this.#world.simulator.fail(error);
        },
      },
    );
    if (!subscription) return;
    this.#subscriptions.set(ledger, subscription);
    subscription.ready.then(
      (start) => ledger.begin(start.token),
      () => undefined,
    );
  }

  /** Runs it as this process, also when it is the simulation that makes it do something. */
  #as(action: () => void): void {
    const { simulator } = this.#world;
    if (simulator.current === this.process) action();
    else simulator.plan(0, this.process, 'user acts', action);
  }
}
