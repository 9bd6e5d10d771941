// What rollups count is what Kafka holds: while workers are killed, join and leave, and while events come late.

import t from 'tap';
import { seriesKeyOf } from '../../../schemas/rollup/definition.ts';
import { TestProducer } from '../harness/producer.ts';
import { randomInteger } from '../harness/random.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { readStored } from './stored.ts';

const SCHEMA = {
  type: 'record',
  name: 'Reading',
  fields: [
    { name: 'name', type: 'string' },
    { name: 'host', type: 'string' },
    { name: 'value', type: ['null', 'double'], default: null },
    { name: 'timestamp', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'labels', type: { type: 'map', values: 'string' }, default: {} },
  ],
};
interface Reading {
  readonly name: string;
  readonly host: string;
  readonly value: number | null;
  readonly timestamp: number;
  readonly labels: Readonly<Record<string, string>>;
}
const PARTITIONS = 3;
const ROUNDS = 60;
const KILLS = 4;
const HOUR_MICROS = 3_600_000_000;
const CAUGHT_UP_MS = 40_000;

t.setTimeout(120_000);

t.test('workers are killed at any point: every event is counted once', async (t) => {
  const service = await startService(t, { workers: 0, edges: 0 });
  const postgres = service.namespace.env.MDS_POSTGRES_URL ?? '';
  const topic = await service.api.createTopic({
    name: `readings-${service.namespace.id}`,
    partitions: PARTITIONS,
    schema: SCHEMA,
  });
  const env = { MDS_ROLLUP_FLUSH_INTERVAL_MS: '100', MDS_ROLLUP_LATENESS_MS: '600000' };
  const workers = [await service.addRollup(env), await service.addRollup(env)];
  await Promise.all(workers.map((worker) => worker.start()));

  let drawn = 0;
  const random = (): number => randomInteger(drawn++, 7, 1_000_000) / 1_000_000;
  const producer = await TestProducer.connect<Reading>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
  t.teardown(() => producer.close());
  // Event time runs 100 times as fast as the clock, through the last three hours, so that minutes and hours close.
  const begin = Date.now() * 1000 - 3 * HOUR_MICROS;
  for (let round = 0; round < ROUNDS; round++) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const events = Array.from({ length: 40 }, (): Reading => {
        const late = random() < 0.1 ? random() * 60_000_000 : 0;
        const at = begin + ((round + random()) / ROUNDS) * 2.9 * HOUR_MICROS - late;
        const host = `h${Math.floor(random() * 20)}`;
        return {
          name: 'cpu',
          host,
          value: random() < 0.1 ? null : Math.floor(random() * 100),
          timestamp: Math.round(at),
          labels: { zone: host === 'h1' ? 'a' : 'b' },
        };
      });
      await producer.send({ partition, events });
    }
    if (round % 10 === 0) await producer.sendBytes(0, Buffer.from('no record'));
    await producer.flush();
    if (round % Math.floor(ROUNDS / KILLS) !== 5) continue;
    const victim = workers[round % 2];
    const before = (await readStored(postgres, topic.topicId)).events;
    await until(
      'the rollup to go on',
      CAUGHT_UP_MS,
      async () => (await readStored(postgres, topic.topicId)).events > before || round < 6,
    );
    victim?.signal('SIGKILL');
    await victim?.ended();
    await victim?.start({ ready: false });
  }
  const counted = await untilCounted(postgres, topic.topicId, producer);

  const expected = new Map<string, { count: number; sum: number }>();
  for (const { event } of producer.produced) {
    const key = seriesKeyOf({ fields: ['cpu', event.host], labels: event.labels });
    const sum = expected.get(key) ?? { count: 0, sum: 0 };
    sum.count += 1;
    sum.sum += event.value ?? 0;
    expected.set(key, sum);
  }
  t.comment(`${producer.produced.length} events, ${counted.closedMinutes} minutes closed`);
  t.equal(counted.events, producer.produced.length, 'the states speak of every event');
  t.equal(counted.unreadableRecords, ROUNDS / 10, 'records that cannot be read are counted');
  t.ok(counted.closedMinutes > 100, 'minutes were closed on the way');
  t.same(counted.series, expected, 'every series has exactly its events');
  t.same(counted.byHours, expected, 'and hours hold what their minutes hold');

  const old = { name: 'cpu', host: 'h1', value: 1, timestamp: begin, labels: {} };
  await producer.send({ partition: 0, events: [old, { ...old, timestamp: (Date.now() + 900_000) * 1000 }] });
  await producer.flush();
  const after = await untilCounted(postgres, topic.topicId, producer);
  t.equal(after.late, 1, 'an event whose minute is closed is counted as late');
  t.equal(after.ahead, 1, 'one from the future as ahead');
  t.same(after.series, expected, 'and neither is in a series');
});

async function untilCounted(postgres: string, topicId: number, producer: TestProducer<Reading>) {
  const ends = new Map<number, number>();
  for (const { partition, offset } of producer.produced) {
    ends.set(partition, Math.max(ends.get(partition) ?? 0, offset + 1));
  }
  let stored = await readStored(postgres, topicId);
  await until(
    'all records to be counted',
    CAUGHT_UP_MS,
    async () => {
      stored = await readStored(postgres, topicId);
      return [...ends].every(([partition, end]) => (stored.nextOffsets.get(partition) ?? 0) >= end);
    },
    () => [...stored.nextOffsets],
  );
  return stored;
}
