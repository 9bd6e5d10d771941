// A program that consumes a durable subscription with the real client library: acknowledges most events, fails some, thinks
// over others, and dies with events in hand. Several share one name or stand by for each other.

import type { Delivery } from '../../../client/library/durable-options.ts';
import type { DurableSubscription } from '../../../client/library/durable-subscription.ts';
import { MdsClient } from '../../../client/library/mds-client.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { SimulatedProcess } from '../engine/simulated-process.ts';
import { DURABLE_NAME } from '../truth.ts';
import type { World } from '../world.ts';

const LATE_ACK_MS = { low: 10, high: 2500 } as const;

export class DurableConsumer {
  process: SimulatedProcess;
  /** From now on it acknowledges whatever it gets. */
  isDiligent = false;
  readonly #world: World;
  readonly #name: string;
  #subscription: DurableSubscription<unknown> | null = null;
  /** Events that this life of the process was given and has not failed. */
  #taken = new Set<string>();

  constructor(world: World, number: number) {
    this.#world = world;
    this.#name = `durable-${number}`;
    this.process = world.simulator.newProcess(this.#name);
    this.#start();
  }

  get name(): string {
    return this.#name;
  }

  get situation(): string {
    const { state, inFlight, unconfirmed } = this.#subscription ?? {};
    return `${this.#name} ${state}, ${inFlight} in flight, ${unconfirmed} unconfirmed`;
  }

  crash(): void {
    this.process.crash();
    this.#subscription = null;
  }

  comeBack(): void {
    if (!this.process.isGone) return;
    this.process = this.#world.simulator.newProcess(this.#name);
    this.#start();
  }

  #start(): void {
    const { simulator } = this.#world;
    this.#taken = new Set();
    const life = this.process;
    simulator.plan(0, life, 'consumer starts', () => {
      const client = new MdsClient(this.#world.clientOptions(life));
      const { durableLedger } = this.#world;
      const subscription = client.consume<unknown>({
        subscription: DURABLE_NAME,
        consumer: this.#name,
        onGap: (gap) => durableLedger.takeGap(gap),
        onState: (state, error) => simulator.note(`${state} ${error?.message ?? ''}`, this.#name),
      });
      this.#subscription = subscription;
      this.#work(subscription, this.#taken).catch((error: unknown) => simulator.fail(error));
    });
  }

  async #work(subscription: DurableSubscription<unknown>, taken: Set<string>): Promise<void> {
    const { durableLedger, simulator } = this.#world;
    for await (const delivery of subscription) {
      const { cursor, attempt, data } = delivery;
      const key = durableLedger.deliver(cursor, data, attempt);
      if (taken.has(key)) simulator.fail(`${this.#name} is given ${key} twice, attempt ${attempt}`);
      taken.add(key);
      await this.#settle(delivery, key, taken);
    }
  }

  async #settle(delivery: Delivery<unknown>, key: string, taken: Set<string>): Promise<void> {
    const { random } = this.#world.simulator;
    const fate = this.isDiligent ? 1 : random.next();
    if (fate < 0.15) {
      taken.delete(key);
      delivery.nack({ reason: 'told so' }).catch(passOver);
      return;
    }
    if (fate < 0.3) {
      const waitMs = random.between(LATE_ACK_MS.low, LATE_ACK_MS.high);
      const ack = (): void => this.#acknowledge(delivery, key);
      if (fate < 0.2) await new Promise((resolve) => setTimeout(resolve, waitMs));
      else setTimeout(ack, waitMs);
      if (fate >= 0.2) return;
    }
    this.#acknowledge(delivery, key);
  }

  #acknowledge(delivery: Delivery<unknown>, key: string): void {
    const { durableLedger } = this.#world;
    durableLedger.acknowledge(key);
    delivery.ack().then(() => durableLedger.stored(key), passOver);
  }
}

/** Another consumer took over, or this one ended: the event comes again, here or there. */
function passOver(error: unknown): void {
  if (!(error instanceof MdsError)) throw error;
}
