// Retention passes a worker that is held up: the records it had not fetched are gone. librdkafka stops reading such a
// partition, often without an error that anybody sees; it must be noticed, said, and gone on behind the hole.

import { randomBytes } from 'node:crypto';
import t from 'tap';
import { createConsumer } from '../../../platform/kafka.ts';
import { createLogger } from '../../../platform/log.ts';
import { ConsumerLoop } from '../../../workers/stream/consumer-loop.ts';
import { OwnedPartition } from '../../../workers/stream/owned-partition.ts';
import { RangeWatch } from '../../../workers/stream/range-watch.ts';
import type { SlabPipeline } from '../../../workers/stream/slab-pipeline.ts';
import { acquireStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';
import { deleteRecords } from './delete-records.ts';
import { Stage } from './stage.ts';

t.setTimeout(180_000);
const stack = await acquireStack();
const stage = await Stage.start(stack);
t.teardown(async () => {
  await stage.stop();
  await stack.release();
});

t.test('a running partition whose next records Kafka has dropped goes on behind them', async (t) => {
  const total = 6000;
  const kept = 5900;
  const topic = await stage.aTopic(1);
  const brokers = stage.env.MDS_KAFKA_BROKERS ?? '';
  // Random, or compression would fit all of it into one fetch.
  await Promise.all(Array.from({ length: total }, () => stage.produce(topic, 0, randomBytes(2000))));
  const log = createLogger('test', 'silent');
  const consumer = await createConsumer({
    brokers,
    log,
    name: 'retention',
    groupId: `${stage.id}-retention`,
    prefetchBytes: 1 << 20,
    idleWaitMs: 20,
    offsetReset: 'error',
  });
  t.teardown(() => consumer.disconnect());
  // A pipeline without room until `free` is called, then with any amount of it.
  const offsets: number[] = [];
  const room = Promise.withResolvers<void>();
  let isFree = false;
  const pipeline = {
    append: ({ offset }: { offset: number }) => isFree && offsets.push(offset) > 0,
    room: () => room.promise,
    flush: () => {},
  } as unknown as SlabPipeline;
  const now = () => performance.now();
  const loop = new ConsumerLoop({ consumer, pollRecords: 100, log, received: () => {}, now });
  const moves: number[] = [];
  const watch = new RangeWatch({
    loop,
    consumer,
    log,
    now,
    moveTo: async (partition, offset) => {
      moves.push(offset);
      await loop.end(partition);
      partition.nextOffset = offset;
      await loop.begin(partition);
    },
  });
  const partition = new OwnedPartition({ topicId: topic.topicId, partition: 0, epoch: 1 }, 0, pipeline);
  Object.assign(partition, { topic, nextOffset: 0, state: 'running' });
  loop.start((error) => t.fail(String(error)));
  watch.start();
  await loop.begin(partition);
  await until('the loop to be held up', 40_000, () => loop.isBlocked);
  await deleteRecords(brokers, topic.kafkaTopic, 0, kept);
  isFree = true;
  room.resolve();
  await until(
    'the last record',
    60_000,
    () => offsets.at(-1) === total - 1,
    () => offsets.at(-1),
  );
  watch.stop();
  await loop.stop();
  const jump = offsets.findIndex((offset, i) => i > 0 && offset !== (offsets[i - 1] ?? 0) + 1);
  t.ok(jump > 0, 'what was fetched before came first');
  t.same(
    offsets.slice(jump),
    Array.from({ length: total - kept }, (_, i) => kept + i),
  );
  t.same(moves, [kept], 'the jump was no accident');
});
