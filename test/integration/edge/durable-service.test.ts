// Durable subscriptions on the whole service: created over REST, consumed with the client library, events from Kafka, edges
// that are killed, dead letters and their way back.

import t from 'tap';
import { connect, type Delivery, type DurableSubscription } from '../../../client/library/index.ts';
import type { DeadLetterPage } from '../../../schemas/api/dead-letter.ts';
import { TestProducer } from '../harness/producer.ts';
import type { TopicInfo } from '../harness/rest-client.ts';
import { startService, type TestService } from '../harness/service.ts';
import { until } from '../harness/until.ts';

interface Order {
  readonly n: number;
  readonly customer: string;
}
const ORDER = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'n', type: 'long' },
    { name: 'customer', type: 'string' },
  ],
} as const;
const PARTITIONS = 2;
const CUSTOMERS = 12;
const TIMEOUT_MS = 30_000;

t.setTimeout(180_000);
const service: TestService = await startService(t, { workers: 1, edges: 2 });
const topic: TopicInfo = await service.createTopic({ name: 'orders', partitions: PARTITIONS, schema: ORDER });
const producer = await TestProducer.connect<Order>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
t.teardown(() => producer.close());

let produced = 0;
/** Each customer's orders are in one partition. */
async function produce(count: number): Promise<number[]> {
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) {
    const customer = produced % CUSTOMERS;
    await producer.send({ partition: customer % PARTITIONS, events: [{ n: produced, customer: `c${customer}` }] });
    numbers.push(produced++);
  }
  await producer.flush();
  return numbers;
}

const create = (name: string, more: object = {}): Promise<unknown> =>
  service.api.post('/v1/subscriptions', { name, topic: topic.name, start: 'latest', ...more });

interface Seen {
  readonly n: number;
  readonly customer: string;
  readonly attempt: number;
}

/** A program that consumes at one edge. */
class Program {
  readonly seen: Seen[] = [];
  readonly held: Delivery<Order>[] = [];
  readonly subscription: DurableSubscription<Order>;
  readonly #client;
  readonly #handle: (delivery: Delivery<Order>) => Promise<void> | void;

  constructor(
    edge: number,
    subscription: string,
    consumer: string,
    handle: (delivery: Delivery<Order>) => Promise<void> | void = (delivery) => delivery.ack(),
  ) {
    this.#handle = handle;
    this.#client = connect({ url: service.edge(edge).clientUrl, reconnect: { baseMs: 50, maxMs: 500 } });
    this.subscription = this.#client.consume<Order>({ subscription, consumer });
    void this.#run();
    t.teardown(() => this.#client.close());
  }

  async #run(): Promise<void> {
    for await (const delivery of this.subscription) {
      this.seen.push({ ...delivery.data, attempt: delivery.attempt });
      // an acknowledgement that was not stored in time: the event comes again, to somebody
      Promise.resolve(this.#handle(delivery)).catch(() => undefined);
    }
  }

  async becomes(state: string): Promise<void> {
    await until(`${this.subscription.consumer} ${state}`, TIMEOUT_MS, () => this.subscription.state === state);
  }

  has(n: number): boolean {
    return this.seen.some((one) => one.n === n);
  }
}

t.test('when the edge of the active consumer is killed, the other takes over and nothing is lost', async (t) => {
  await create('failover', { ackTimeoutMs: 60_000 });
  const held: Delivery<Order>[] = [];
  const one = new Program(0, 'failover', 'one', (delivery) =>
    delivery.data.n % 5 === 0 ? void held.push(delivery) : delivery.ack(),
  );
  await one.becomes('active');
  const two = new Program(1, 'failover', 'two');
  await two.becomes('standby');
  const first = await produce(200);
  await until('all at one', TIMEOUT_MS, () => first.every((n) => one.has(n)));
  await until('all answers stored', TIMEOUT_MS, () => one.subscription.unconfirmed === 0);
  await service.edge(0).end('SIGKILL');
  await two.becomes('active');
  const second = await produce(50);
  await until('the rest at two', TIMEOUT_MS, () => second.every((n) => two.has(n)));
  await until('the held ones at two', TIMEOUT_MS, () => held.every(({ data }) => two.has(data.n)));
  t.same(
    two.seen
      .filter(({ n }) => first.includes(n))
      .map(({ n, attempt }) => [n, attempt])
      .sort(([a = 0], [b = 0]) => a - b),
    held.map(({ data }) => [data.n, 2]).sort(([a = 0], [b = 0]) => a - b),
    'exactly what was not acknowledged, as second attempts',
  );
  await service.edge(0).start();
});

t.test('a group over two edges keeps the order of each customer', async (t) => {
  await create('group', { group: { key: ['customer'], shards: 4 } });
  const programs = [new Program(0, 'group', 'one'), new Program(1, 'group', 'two')];
  await until('two shards each', TIMEOUT_MS, () =>
    programs.every(({ subscription }) => subscription.shards.length === 2),
  );
  const numbers = await produce(600);
  await until('all', TIMEOUT_MS, () => numbers.every((n) => programs.some((program) => program.has(n))));
  for (const { seen } of programs) {
    const last = new Map<string, number>();
    const isInOrder = seen.every(({ n, customer }) => {
      const before = last.get(customer) ?? -1;
      last.set(customer, n);
      return n > before;
    });
    t.ok(isInOrder);
  }
  const customers = programs.map(({ seen }) => new Set(seen.map(({ customer }) => customer)));
  t.equal((customers[0]?.size ?? 0) + (customers[1]?.size ?? 0), CUSTOMERS, 'each customer has one consumer');
});

t.test('an event that always fails becomes a dead letter, and comes again when it is redriven', async (t) => {
  // the dead-letter topic is one for all tests on this Kafka
  const name = `poison-${service.namespace.id}`;
  await create(name, { maxAttempts: 2, backoffBaseMs: 10, backoffMaxMs: 20 });
  let isRepaired = false;
  let bad = -1;
  const program = new Program(0, name, 'one', (delivery) =>
    delivery.data.n === bad && !isRepaired ? delivery.nack({ reason: 'out of paper' }) : delivery.ack(),
  );
  await program.becomes('active');
  bad = produced + 1;
  const numbers = await produce(4);
  await until('all others', TIMEOUT_MS, () => numbers.every((n) => program.has(n)));
  const letters = async () => (await service.api.get<DeadLetterPage>(`/v1/dead-letters?subscription=${name}`)).items;
  await until('the dead letter', TIMEOUT_MS, async () => (await letters()).length === 1);
  const [letter] = await letters();
  t.match(letter, { state: 'dead', attempts: 2, consumer: 'one', reason: 'MDS_EVENT_REFUSED' });
  isRepaired = true;
  await service.api.post(`/v1/dead-letters/${letter?.id}/redrive`, {});
  await until('redriven', TIMEOUT_MS, async () => (await letters())[0]?.state === 'redriven');
  t.same(
    program.seen.filter(({ n }) => n === bad).map(({ attempt }) => attempt),
    [1, 2, 1],
  );
});
