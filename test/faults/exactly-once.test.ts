// The Postgres example of the docs, killed with SIGKILL at every step of its work, cut off in the middle of a commit, and run
// twice at once: in the end each event was counted exactly once.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import t, { type Test } from 'tap';
import { startEventStream } from '../integration/harness/event-stream.ts';
import { MEASUREMENT_SCHEMA } from '../integration/harness/measurement.ts';
import { randomInteger } from '../integration/harness/random.ts';
import type { TopicInfo } from '../integration/harness/rest-client.ts';
import { startService, type TestService } from '../integration/harness/service.ts';
import { until } from '../integration/harness/until.ts';
import { type PostgresTap, type TapPoint, tapPostgres } from './postgres-tap.ts';

const EXAMPLE = fileURLToPath(new URL('../../docs/examples/exactly-once-postgres.ts', import.meta.url));
const EVENTS_PER_SECOND = 1000;
const TIMEOUT_MS = 40_000;
const SEED = Number(process.env.SEED ?? 1);

/** Each step of the example's work, in the order in which it does them. */
const STEPS: readonly (readonly [name: string, point: TapPoint])[] = [
  ['before it has loaded the position', { statement: 'SELECT position', at: 'asked' }],
  ['when Postgres has answered with the position', { statement: 'SELECT position', at: 'answered' }],
  ['after loading, before the first transaction', { statement: 'BEGIN', at: 'asked' }],
  ['in the transaction, before the position moves', { statement: 'SET position', at: 'asked' }],
  ['in the transaction, when the position has moved', { statement: 'SET position', at: 'answered' }],
  ['in the transaction, when the events are counted', { statement: 'AS known', at: 'answered' }],
  ['in the transaction, before the commit', { statement: 'COMMIT', at: 'asked' }],
  ['right after the commit, of which it never hears', { statement: 'COMMIT', at: 'answered' }],
];
const RANDOM_KILLS = 6;

t.setTimeout(300_000);

interface Counting {
  readonly service: TestService;
  readonly topic: TopicInfo;
  readonly tap: PostgresTap;
  readonly database: pg.Client;
  readonly children: Set<ChildProcess>;
}

async function aCounting(t: Test): Promise<Counting> {
  const service = await startService(t);
  const topic = await service.createTopic({ name: 'counted', partitions: 3, schema: MEASUREMENT_SCHEMA });
  const databaseUrl = service.namespace.env.MDS_POSTGRES_URL ?? '';
  const tap = await tapPostgres(databaseUrl);
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  const children = new Set<ChildProcess>();
  t.teardown(async () => {
    for (const child of children) child.kill('SIGKILL');
    await database.end();
    await tap.close();
  });
  return { service, topic, tap, database, children };
}

/** One instance of the example, which counts each event by its id. */
function startExample({ service, topic, tap, children }: Counting): { readonly child: ChildProcess; text: string } {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', EXAMPLE], {
    env: {
      PATH: process.env.PATH,
      MDS_API_URL: service.api.url,
      MDS_POSTGRES_URL: tap.url,
      TOPIC: topic.name,
      COUNT_BY: 'id',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const example = { child, text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (bytes) => {
      example.text += bytes;
    });
  }
  children.add(child);
  child.on('close', () => children.delete(child));
  return example;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'close');
  child.kill('SIGKILL');
  await gone;
}

async function countedSoFar({ database }: Counting): Promise<number> {
  const { rows } = await database.query('SELECT count(*)::int AS n FROM exactly_once_example.counts');
  return rows[0]?.n ?? 0;
}

async function startIsKept({ database }: Counting): Promise<boolean> {
  const { rows } = await database.query('SELECT position FROM exactly_once_example.positions');
  return (rows[0]?.position ?? null) !== null;
}

/** The account: how often each event that was produced has been counted, and what was counted besides. */
async function account({ database }: Counting, produced: readonly string[]) {
  const { rows } = await database.query('SELECT value, count::int AS n FROM exactly_once_example.counts');
  const counted = new Map<string, number>(rows.map(({ value, n }) => [value, n]));
  const expected = new Set(produced);
  return {
    expected: expected.size,
    lost: produced.filter((id) => !counted.has(id)).length,
    duplicate: [...counted.values()].filter((n) => n > 1).length,
    unexpected: [...counted.keys()].filter((id) => !expected.has(id)).length,
  };
}

async function allCounted(counting: Counting, produced: () => readonly string[]): Promise<void> {
  await until(
    'every event to be counted',
    TIMEOUT_MS,
    async () => (await countedSoFar(counting)) >= produced().length,
    async () => `${await countedSoFar(counting)} of ${produced().length}`,
  );
}

t.test('killed at every step and at random moments, it has counted each event once', async (t) => {
  const counting = await aCounting(t);
  const { service, topic, tap } = counting;
  const first = startExample(counting);
  await until(
    'the start to be kept',
    TIMEOUT_MS,
    () => startIsKept(counting),
    () => first.text,
  );
  await kill(first.child);
  const stream = await startEventStream({
    brokers: service.stack.env.MDS_KAFKA_BROKERS ?? '',
    topic,
    eventsPerSecond: EVENTS_PER_SECOND,
  });
  t.teardown(() => stream.close());
  let kills = 1;

  for (const [name, point] of STEPS) {
    let isReached = false;
    void tap.stopAt(point).then(() => {
      isReached = true;
    });
    const example = startExample(counting);
    await until(
      name,
      TIMEOUT_MS,
      () => isReached,
      () => example.text,
    );
    await kill(example.child);
    tap.cut();
    kills += 1;
  }
  for (let i = 0; i < RANDOM_KILLS; i++) {
    const before = await countedSoFar(counting);
    const example = startExample(counting);
    const target = before + randomInteger(i, SEED, 1500);
    await until(
      'some progress',
      TIMEOUT_MS,
      async () => (await countedSoFar(counting)) > target,
      () => example.text,
    );
    await kill(example.child);
    kills += 1;
  }
  startExample(counting);
  await stream.stop();
  const ids = (): string[] => stream.producer.produced.map(({ event }) => event.id);
  await allCounted(counting, ids);
  const { expected, ...faults } = await account(counting, ids());
  t.comment(`${kills} kills, seed ${SEED}: ${JSON.stringify({ produced: ids().length, expected, ...faults })}`);
  t.ok(kills >= 12);
  t.ok(expected > 0);
  t.same(faults, { lost: 0, duplicate: 0, unexpected: 0 });
});

t.test(
  'cut off from Postgres before and after a commit, it goes on by itself and counts each event once',
  async (t) => {
    const counting = await aCounting(t);
    const { service, topic, tap } = counting;
    const example = startExample(counting);
    await until(
      'the start to be kept',
      TIMEOUT_MS,
      () => startIsKept(counting),
      () => example.text,
    );
    const stream = await startEventStream({
      brokers: service.stack.env.MDS_KAFKA_BROKERS ?? '',
      topic,
      eventsPerSecond: EVENTS_PER_SECOND,
    });
    t.teardown(() => stream.close());
    for (let cuts = 0; cuts < 6; cuts++) {
      await tap.stopAt({ statement: 'COMMIT', at: cuts % 2 === 0 ? 'answered' : 'asked' });
      tap.cut();
    }
    await stream.stop();
    const ids = (): string[] => stream.producer.produced.map(({ event }) => event.id);
    await allCounted(counting, ids);
    const { expected, ...faults } = await account(counting, ids());
    t.comment(JSON.stringify({ expected, ...faults }));
    t.same(faults, { lost: 0, duplicate: 0, unexpected: 0 });
    t.equal(example.child.exitCode, null, 'the same process all along');
  },
);

t.test('an old instance that wakes up beside a new one commits nothing more, and ends', async (t) => {
  const counting = await aCounting(t);
  const { service, topic } = counting;
  const old = startExample(counting);
  await until(
    'the start to be kept',
    TIMEOUT_MS,
    () => startIsKept(counting),
    () => old.text,
  );
  const stream = await startEventStream({
    brokers: service.stack.env.MDS_KAFKA_BROKERS ?? '',
    topic,
    eventsPerSecond: EVENTS_PER_SECOND,
  });
  t.teardown(() => stream.close());
  await until(
    'the old one to count',
    TIMEOUT_MS,
    async () => (await countedSoFar(counting)) > 500,
    () => old.text,
  );
  old.child.kill('SIGSTOP');
  // Stopped inside a transaction it would hold the row: Postgres is to see it gone, as after a machine has frozen.
  counting.tap.cut();
  const fresh = startExample(counting);
  const before = await countedSoFar(counting);
  await until(
    'the new one to count',
    TIMEOUT_MS,
    async () => (await countedSoFar(counting)) > before + 500,
    () => fresh.text,
  );
  const ended = once(old.child, 'close');
  old.child.kill('SIGCONT');
  const [code] = await ended;
  t.equal(code, 1);
  t.match(old.text, 'MDS_POSITION_CONFLICT');
  await stream.stop();
  const ids = (): string[] => stream.producer.produced.map(({ event }) => event.id);
  await allCounted(counting, ids);
  const { expected, ...faults } = await account(counting, ids());
  t.comment(JSON.stringify({ expected, ...faults }));
  t.same(faults, { lost: 0, duplicate: 0, unexpected: 0 });
  t.equal(fresh.child.exitCode, null);
});
