// Kafka has no room any more, or no longer has what somebody is to get.

import { setTimeout as sleep } from 'node:timers/promises';
import kafka from 'node-rdkafka';
import type { TopicInfo } from '../../integration/harness/rest-client.ts';
import { until } from '../../integration/harness/until.ts';
import { deleteRecords } from '../../integration/stream/delete-records.ts';
import type { Scenario } from '../framework/scenario.ts';

const QUERY_TIMEOUT_MS = 10_000;
const DELETED_SHARE = 0.9;
const FULL_TIMEOUT_MS = 90_000;
const ENLARGED_MEGABYTES = 512;
const AWAY_MS = 2000;

export const deletedRange: Scenario = {
  id: 'R15',
  title: 'Kafka deletes records that subscribers have yet to resume over: they are told of the gap',
  async run(run) {
    const stack = await run.stack();
    const service = await run.service(stack, { workers: 2, edges: 1 });
    const load = await run.workload(service);
    const absent = load.ephemeral.filter((_, at) => at % 4 < 2);
    for (const { subscriber } of absent) subscriber.kill();
    await sleep(AWAY_MS);
    const present = load.ephemeral.filter((watcher) => !absent.includes(watcher));
    await load.progress(undefined, present);
    const deleted = await deleteMost(stack.env.MDS_KAFKA_BROKERS ?? '', load.topics);
    run.say(`deleted up to ${deleted.join(' ')}`);
    await Promise.all(absent.map(({ subscriber }) => subscriber.open()));
    await load.progress();
    const settlement = await load.settle();
    if (absent.some(({ subscriber }) => subscriber.gaps.length === 0)) run.problem('a gap was not told');
    if (present.some(({ subscriber }) => subscriber.gaps.length > 0)) run.problem('a gap was told to who had it all');
    return settlement;
  },
};

export const diskFull: Scenario = {
  id: 'R15b',
  title: "Kafka's disk is full until it stops; it gets a larger one",
  async run(run) {
    const stack = await run.stack('small-disk');
    const service = await run.service(stack, { workers: 1, edges: 1 });
    const load = await run.workload(service, { eventsPerSecond: 12_000 });
    const kafkaIsGone = (): boolean => stack.services.pid('kafka') === undefined;
    await until("Kafka's disk to be full", FULL_TIMEOUT_MS, kafkaIsGone);
    run.note('Kafka stopped');
    stack.enlargeDisk(ENLARGED_MEGABYTES);
    await stack.services.start('kafka');
    await load.progress();
    return load.settle();
  },
};

/** Deletes nine tenths of what each partition has. @returns the new first offsets */
async function deleteMost(brokers: string, topics: readonly TopicInfo[]): Promise<readonly number[]> {
  const consumer = new kafka.KafkaConsumer({ 'metadata.broker.list': brokers, 'group.id': 'records-deleter' }, {});
  await new Promise<void>((resolve, reject) => consumer.connect({}, (error) => (error ? reject(error) : resolve())));
  const places = topics.flatMap(({ kafkaTopic, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ kafkaTopic, partition })),
  );
  try {
    return await Promise.all(
      places.map(async ({ kafkaTopic, partition }) => {
        const end = await new Promise<number>((resolve, reject) =>
          consumer.queryWatermarkOffsets(kafkaTopic, partition, QUERY_TIMEOUT_MS, (error, { highOffset }) =>
            error ? reject(error) : resolve(highOffset),
          ),
        );
        const first = Math.floor(end * DELETED_SHARE);
        await deleteRecords(brokers, kafkaTopic, partition, first);
        return first;
      }),
    );
  } finally {
    await new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
  }
}
