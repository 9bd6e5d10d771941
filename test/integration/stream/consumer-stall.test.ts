// librdkafka stops fetching now and then, without an error and without an end: of one partition or of all. The worker must
// notice by itself, and go on without losing or doubling a record.

import t, { type Test } from 'tap';
import { createConsumer, type KafkaConsumer } from '../../../platform/kafka.ts';
import { createLogger } from '../../../platform/log.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { ConsumerLoop } from '../../../workers/stream/consumer-loop.ts';
import { ConsumerWatch } from '../../../workers/stream/consumer-watch.ts';
import { OwnedPartition } from '../../../workers/stream/owned-partition.ts';
import type { SlabPipeline } from '../../../workers/stream/slab-pipeline.ts';
import { acquireStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';
import { Stage } from './stage.ts';

const STALL_MS = 400;
t.setTimeout(180_000);
const stack = await acquireStack();
const stage = await Stage.start(stack);
t.teardown(async () => {
  await stage.stop();
  await stack.release();
});
const log = createLogger('test', process.env.STAGE_LOG ?? 'silent');

async function consuming(
  t: Test,
  topic: CatalogTopic,
  seam: (consumer: KafkaConsumer) => KafkaConsumer = (one) => one,
) {
  const real = await createConsumer({
    brokers: stage.env.MDS_KAFKA_BROKERS ?? '',
    log,
    name: 'stall',
    groupId: `${stage.id}-stall`,
    idleWaitMs: 20,
    offsetReset: 'error',
  });
  const consumer = seam(real);
  const received = Array.from({ length: topic.partitions }, (): number[] => []);
  let isFull = false;
  const pipeline = {
    append: ({ slot, offset }: { slot: number; offset: number }) => !isFull && (received[slot]?.push(offset) ?? 0) > 0,
    room: () => new Promise<void>((resolve) => setTimeout(resolve, 10)),
    flush: () => {},
  } as unknown as SlabPipeline;
  const now = () => performance.now();
  const loop = new ConsumerLoop({ consumer, pollRecords: 100, log, received: () => {}, now });
  const steps: string[] = [];
  const failures: unknown[] = [];
  const watch = new ConsumerWatch({
    loop,
    consumer,
    stallMs: STALL_MS,
    log,
    now,
    onRecovery: (step) => steps.push(step),
    onFailure: (error) => failures.push(error),
  });
  loop.start((error) => t.fail(String(error)));
  watch.start();
  for (let partition = 0; partition < topic.partitions; partition++) {
    const grant = { topicId: topic.topicId, partition, epoch: 1 };
    const owned = new OwnedPartition(grant, partition, pipeline);
    Object.assign(owned, { topic, nextOffset: 0, state: 'running' });
    await loop.begin(owned);
  }
  t.teardown(async () => {
    watch.stop();
    await loop.stop();
    await consumer.disconnect();
  });
  const fill = (full: boolean) => {
    isFull = full;
  };
  return { real, received, steps, failures, fill, loop };
}

const produce = (topic: CatalogTopic, count: number) =>
  Promise.all(
    Array.from({ length: count * topic.partitions }, (_, i) =>
      stage.produce(topic, i % topic.partitions, Buffer.from(`${i}`)),
    ),
  );
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
const place = ({ kafkaTopic: topic }: CatalogTopic, partition: number) => ({ topic, partition });

t.test('a partition whose fetching stopped by itself is assigned anew, the others go on meanwhile', async (t) => {
  const topic = await stage.aTopic(2);
  const { real, received, steps } = await consuming(t, topic);
  await produce(topic, 50);
  await until('the first records', 40_000, () => received.every((offsets) => offsets.length === 50));
  real.handle.pause([place(topic, 1)]);
  await produce(topic, 50);
  await until('the records of the partition that goes on', 40_000, () => received[0]?.length === 100);
  await until('those of the other', 40_000, () => received[1]?.length === 100);
  t.same(steps, ['reassign']);
  await produce(topic, 20);
  await until('and what follows', 40_000, () => received.every((offsets) => offsets.length === 120));
  t.same(received, [upTo(120), upTo(120)], 'nothing lost, nothing doubled');
});

t.test('a poll that never comes back is left alone, and the consumer is made anew', async (t) => {
  const topic = await stage.aTopic(2);
  let hangs = false;
  let hangingPolls = 0;
  let connections = 0;
  const { received, steps } = await consuming(t, topic, (real) => {
    const stuck = Promise.withResolvers<never>().promise;
    const consume = real.consume.bind(real);
    const reopen = real.reopen.bind(real);
    return Object.assign(real, {
      consume: (count: number) => {
        if (!hangs) return consume(count);
        hangingPolls++;
        return stuck;
      },
      reopen: async () => {
        const { use } = await reopen();
        connections++;
        return {
          use: () => {
            hangs = false;
            use();
          },
        };
      },
    });
  });
  await produce(topic, 50);
  await until('the first records', 40_000, () => received.every((offsets) => offsets.length === 50));
  hangs = true;
  // a poll that was under way would still bring what is produced now
  await until('a poll that hangs', 40_000, () => hangingPolls > 0);
  await produce(topic, 50);
  await until('the rest', 40_000, () => received.every((offsets) => offsets.length === 100));
  t.same([steps, connections], [['reassign', 'reopen'], 1]);
  t.same(received, [upTo(100), upTo(100)], 'nothing lost, nothing doubled');
});

t.test('a poll that brings nothing, over whatever connection, ends the process', async (t) => {
  const topic = await stage.aTopic(1);
  const { steps, failures, received } = await consuming(t, topic, (real) =>
    Object.assign(real, {
      consume: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return [];
      },
    }),
  );
  await produce(topic, 5);
  await until('the end', 40_000, () => failures.length > 0);
  t.same(steps, ['reassign', 'reopen', 'reopen', 'reopen', 'give-up']);
  t.match(failures, [{ code: 'MDS_DEPENDENCY_UNAVAILABLE' }]);
  t.same(received, [[]]);
});

t.test('records that the worker itself does not take are no stall', async (t) => {
  const topic = await stage.aTopic(1);
  const { steps, fill, received, loop } = await consuming(t, topic);
  fill(true);
  await produce(topic, 50);
  await until('the loop to be held up', 40_000, () => loop.isBlocked);
  const startedMs = performance.now();
  await until('longer than a stall may last', 40_000, () => performance.now() - startedMs > 3 * STALL_MS);
  t.same(steps, []);
  fill(false);
  await until('the records', 40_000, () => received[0]?.length === 50);
  t.same(steps, []);
});
