// Durable subscriptions on the whole service, through the client library and the `mds` command: whatever is killed, nothing
// is lost, and while a consumer's process lives its user sees nothing twice.

import t, { type Test } from 'tap';
import { connect, type Delivery, type DurableSubscription, type MdsClient } from '../../../client/library/index.ts';
import { runMds, startMds } from '../../client/command/run-mds.ts';
import { settled, startEventStream } from '../harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS, type ReceivedEvent } from '../harness/ledger.ts';
import { MEASUREMENT_SCHEMA } from '../harness/measurement.ts';
import type { TopicInfo } from '../harness/rest-client.ts';
import { startService, type TestService } from '../harness/service.ts';
import { until } from '../harness/until.ts';

const PARTITIONS = 3;
const EVENTS_PER_SECOND = 1000;
const FILTER = { cel: 'active', matches: ({ active }: { readonly active: boolean }) => active };
const TIMEOUT_MS = 40_000;
/** Short, so that what a killed consumer had comes again within the test. */
const DELIVERY = { ackTimeoutMs: 5000, backoffBaseMs: 200, backoffMaxMs: 1000, maxAttempts: 20 } as const;

t.setTimeout(300_000);

interface Scene {
  readonly service: TestService;
  readonly topic: TopicInfo;
  readonly client: MdsClient;
  readonly name: string;
}

async function aScene(t: Test, name: string): Promise<Scene> {
  const service = await startService(t, { workers: 2, edges: 2 });
  const topic = await service.createTopic({ name, partitions: PARTITIONS, schema: MEASUREMENT_SCHEMA });
  const client = connect({ api: service.api.url, reconnect: { maxMs: 1000 } });
  t.teardown(() => client.close());
  await client.ensureSubscription({ name, topic: topic.name, filter: FILTER.cel, ...DELIVERY });
  return { service, topic, client, name };
}

const aStream = async (t: Test, { service, topic }: Scene) => {
  const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
  const stream = await startEventStream({ brokers, topic, eventsPerSecond: EVENTS_PER_SECOND });
  t.teardown(() => stream.close());
  return stream;
};

const receivedOf = ({ cursor, data }: Pick<Delivery<unknown>, 'cursor' | 'data'>): ReceivedEvent => ({
  partition: cursor.partition,
  offset: cursor.offset,
  index: cursor.index,
  data,
});

/** Takes everything; every seventh event fails the first time. */
async function work(durable: DurableSubscription<unknown>, received: ReceivedEvent[]): Promise<void> {
  const failed = new Set<string>();
  for await (const delivery of durable) {
    const { partition, offset, index } = delivery.cursor;
    const key = `${partition}/${offset}/${index}`;
    if ((offset + index) % 7 === 0 && !failed.has(key)) {
      failed.add(key);
      void delivery.nack({ reason: 'not yet', delayMs: 100 });
    } else {
      received.push(receivedOf(delivery));
      void delivery.ack();
    }
  }
}

t.test(
  'edges, workers and the control plane are killed and started: nothing is lost, nothing comes twice',
  async (t) => {
    const scene = await aScene(t, 'restarts');
    const { service, client, name } = scene;
    const received: ReceivedEvent[] = [];
    const durable = client.consume({ subscription: name });
    const working = work(durable, received);
    await durable.ready;
    const stream = await aStream(t, scene);
    const progress = (what: string): Promise<unknown> => {
      const target = received.length + 500;
      return until(
        `events ${what}`,
        TIMEOUT_MS,
        () => received.length > target,
        () => `${received.length} of ${target}, ${durable.state}`,
      );
    };
    await progress('before anything breaks');
    for (const process of [...service.edges, ...service.workers, service.controlPlane]) {
      for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
        await process.end(signal);
        await process.start();
        await progress(`after ${signal} of ${process.name}`);
      }
    }
    await stream.stop();
    const ledger = await settled({ stream, filter: FILTER, received, after: new Map() });
    t.comment(`ledger: ${ledgerText(ledger)}`);
    t.same({ ...faultsOf(ledger), outOfOrder: 0 }, NO_FAULTS);
    await until(
      'everything to be stored',
      TIMEOUT_MS,
      () => durable.unconfirmed === 0 && durable.inFlight === 0,
      () => ({ unconfirmed: durable.unconfirmed, inFlight: durable.inFlight }),
    );
    durable.unsubscribe();
    await working;
  },
);

t.test(
  'the consumer is killed again and again: what it did not acknowledge comes again, and nothing is lost',
  async (t) => {
    const scene = await aScene(t, 'killed');
    const { service, client, name } = scene;
    const env = { MDS_API_URL: service.api.url };
    const args = ['consume', name, '--consumer', 'the-only-one', '--with-cursor'];
    const stream = await aStream(t, scene);
    const received: ReceivedEvent[] = [];
    /** The last line of a process that was killed may be cut. */
    const take = (stdout: string, isWhole: boolean): void => {
      const lines = stdout.split('\n').slice(0, isWhole ? undefined : -1);
      for (const line of lines) if (line !== '') received.push(receivedOf(JSON.parse(line)));
    };
    for (let kills = 0; kills < 4; kills++) {
      const running = startMds(args, env);
      await running.says('"cursor"');
      const before = stream.producer.produced.length;
      await until('some more events', TIMEOUT_MS, () => stream.producer.produced.length > before + 700);
      running.child.kill('SIGKILL');
      take((await running.finished).stdout, false);
    }
    await stream.stop();
    const last = startMds(args, env);
    await until('the last consumer to have taken everything', TIMEOUT_MS, async () => {
      const { live } = await service.api.get<{ live: { inFlight: number; lagRecords: number } }>(
        `/v1/subscriptions/${name}`,
      );
      return live.inFlight === 0 && live.lagRecords === 0;
    });
    last.child.kill('SIGINT');
    const { code, stdout } = await last.finished;
    t.equal(code, 0);
    take(stdout, true);
    const ledger = await settled({ stream, filter: FILTER, received, after: new Map() });
    t.comment(`ledger: ${ledgerText(ledger)}`);
    t.equal(ledger.lost, 0);
    t.equal(ledger.unexpected, 0);
    const after = client.consume({ subscription: name });
    await after.ready;
    t.equal(after.inFlight, 0, 'nothing is left for whoever comes later');
  },
);

t.test('of two consumers one works and one stands by, and takes over with what was not acknowledged', async (t) => {
  const scene = await aScene(t, 'standby');
  const { client, name } = scene;
  const first = client.consume({ subscription: name, consumer: 'first' });
  await until('the first to be active', TIMEOUT_MS, () => first.state === 'active');
  const second = client.consume({ subscription: name, consumer: 'second' });
  await until('the second to stand by', TIMEOUT_MS, () => second.state === 'standby');
  const stream = await aStream(t, scene);
  const received: ReceivedEvent[] = [];
  for await (const delivery of first) {
    received.push(receivedOf(delivery));
    await delivery.ack();
    if (received.length === 20) break;
  }
  const working = work(second, received);
  await stream.stop();
  const ledger = await settled({ stream, filter: FILTER, received, after: new Map() });
  t.comment(`ledger: ${ledgerText(ledger)}`);
  t.same({ ...faultsOf(ledger), outOfOrder: 0 }, NO_FAULTS);
  second.unsubscribe();
  await working;
});

t.test('mds consume shows what is next without taking it, and says which attempt a line is', async (t) => {
  const scene = await aScene(t, 'look');
  const { service, name } = scene;
  const stream = await aStream(t, scene);
  await until('some events', TIMEOUT_MS, () => stream.producer.produced.length > 100);
  await stream.stop();
  const env = { MDS_API_URL: service.api.url };
  const looked = await runMds(['consume', name, '--count', '3', '--ack', 'none'], env);
  t.equal(looked.code, 0, looked.stderr);
  const events = ({ stdout }: { readonly stdout: string }): { readonly attempt: number; readonly id: string }[] =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map((event) => ({ attempt: event.attempt ?? 1, id: event.data?.id ?? event.id }));
  const expected = stream.producer.produced.filter(({ event }) => FILTER.matches(event)).map(({ event }) => event.id);
  const taken = await runMds(['consume', name, '--count', String(expected.length)], env);
  t.same(
    events(taken)
      .map(({ id }) => id)
      .sort(),
    expected.sort(),
    'each one is taken once',
  );
  const again = new Set(events(taken).flatMap(({ attempt, id }) => (attempt > 1 ? [id] : [])));
  t.ok(
    events(looked).every(({ id }) => again.has(id)),
    'what was only looked at comes again, and its line says so',
  );
  const unknown = await runMds(['consume', 'nothing'], env);
  t.match(unknown, { code: 1, stderr: /MDS_SUBSCRIPTION_UNKNOWN/ });
});
