// Kafka topics: create, delete, describe, end offsets. For the control plane and for tests.

import type { Metadata, TopicPartitionOffset, WatermarkOffsets } from 'node-rdkafka';
import { MdsError } from '../schemas/errors.ts';
import {
  call,
  callSync,
  clientSettings,
  connectClient,
  disconnectClient,
  KAFKA_CODES,
  type KafkaConnection,
  kafka,
  kafkaCodeOf,
} from './kafka-client.ts';
import { retry } from './retry.ts';

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  /** Default: as the broker says. */
  readonly replicationFactor?: number;
  readonly retentionMs?: number;
  readonly cleanupPolicy?: 'delete' | 'compact' | 'compact,delete';
  /** Further settings of the topic, by Kafka's names. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface TopicDescription {
  readonly topic: string;
  /** Partition numbers; only those that have a leader can be read and written. */
  readonly partitions: readonly { readonly partition: number; readonly hasLeader: boolean }[];
}

export interface KafkaAdmin {
  /** Resolves when every partition has a leader. */
  createTopic(topic: NewTopic): Promise<'created' | 'exists'>;
  /** Resolves when the topic is gone, so that one of the same name can be created. */
  deleteTopic(topic: string): Promise<'deleted' | 'unknown'>;
  addPartitions(topic: string, totalPartitions: number): Promise<void>;
  /** null when there is no such topic */
  describeTopic(topic: string): Promise<TopicDescription | null>;
  listTopics(): Promise<readonly string[]>;
  queryWatermarkOffsets(topic: string, partition: number): Promise<WatermarkOffsets>;
  /** By partition: the first record with this timestamp or a later one; null where there is none. */
  offsetsForTime(topic: string, partitions: number, timeMs: number): Promise<Map<number, number | null>>;
  disconnect(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 10_000;
const METADATA_TIMEOUT_MS = 3000;
const METADATA_WAIT = { attempts: 'forever', timeoutMs: 10_000, baseMs: 20, maxMs: 200 } as const;
const BROKER_DEFAULT = -1;

/** Connects. @throws MdsError as `connectClient` */
export async function createAdmin(connection: KafkaConnection): Promise<KafkaAdmin> {
  // The admin client itself can neither describe nor list; a consumer can, and never creates a topic by asking for it.
  const handle = await connectClient(
    connection,
    () => new kafka.KafkaConsumer({ ...clientSettings(connection), 'group.id': 'mds-admin' }, {}),
  );
  const admin = callSync('Kafka (admin)', () => kafka.AdminClient.create(clientSettings(connection)));

  const listTopics = async (): Promise<Metadata['topics']> => {
    const metadata = await call<Metadata>('Kafka (metadata)', (done) =>
      handle.getMetadata({ allTopics: true, timeout: METADATA_TIMEOUT_MS }, done),
    );
    return metadata.topics;
  };
  const describeTopic = async (topic: string): Promise<TopicDescription | null> => {
    const found = (await listTopics()).find(({ name }) => name === topic);
    if (found === undefined || found.partitions.length === 0) return null;
    return { topic, partitions: found.partitions.map(({ id, leader }) => ({ partition: id, hasLeader: leader >= 0 })) };
  };

  return {
    describeTopic,
    listTopics: async () => (await listTopics()).map(({ name }) => name),
    createTopic: async (topic) => {
      const outcome = await unlessCode('created', KAFKA_CODES.TOPIC_ALREADY_EXISTS, 'exists', () =>
        call<void>('Kafka (create topic)', (done) =>
          admin.createTopic(topicSettings(topic), REQUEST_TIMEOUT_MS, (error) => done(error, undefined)),
        ),
      );
      await waitForMetadata(topic.topic, 'its partitions have no leader yet', async () => {
        const description = await describeTopic(topic.topic);
        return description?.partitions.every(({ hasLeader }) => hasLeader) ?? false;
      });
      return outcome;
    },
    deleteTopic: async (topic) => {
      const outcome = await unlessCode('deleted', KAFKA_CODES.UNKNOWN_TOPIC_OR_PARTITION, 'unknown', () =>
        call<void>('Kafka (delete topic)', (done) =>
          admin.deleteTopic(topic, REQUEST_TIMEOUT_MS, (error) => done(error, undefined)),
        ),
      );
      await waitForMetadata(topic, 'it is still being deleted', async () => (await describeTopic(topic)) === null);
      return outcome;
    },
    addPartitions: (topic, totalPartitions) =>
      call<void>('Kafka (add partitions)', (done) =>
        admin.createPartitions(topic, totalPartitions, REQUEST_TIMEOUT_MS, (error) => done(error, undefined)),
      ),
    queryWatermarkOffsets: (topic, partition) =>
      call('Kafka (offsets)', (done) => handle.queryWatermarkOffsets(topic, partition, METADATA_TIMEOUT_MS, done)),
    offsetsForTime: async (topic, partitions, timeMs) => {
      const asked = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: timeMs }));
      const found = await call<TopicPartitionOffset[]>('Kafka (offsets)', (done) =>
        handle.offsetsForTimes(asked, REQUEST_TIMEOUT_MS, done),
      );
      return new Map(found.map(({ partition, offset }) => [partition, offset >= 0 ? offset : null]));
    },
    disconnect: async () => {
      callSync('Kafka (admin)', () => admin.disconnect());
      await disconnectClient(handle);
    },
  };
}

function topicSettings(topic: NewTopic) {
  const config: Record<string, string> = { ...topic.config };
  if (topic.retentionMs !== undefined) config['retention.ms'] = String(topic.retentionMs);
  if (topic.cleanupPolicy !== undefined) config['cleanup.policy'] = topic.cleanupPolicy;
  return {
    topic: topic.topic,
    num_partitions: topic.partitions,
    replication_factor: topic.replicationFactor ?? BROKER_DEFAULT,
    config,
  };
}

/** What a create or delete that was done before comes to. */
async function unlessCode<const Done, const Otherwise>(
  done: Done,
  code: number,
  otherwise: Otherwise,
  run: () => Promise<void>,
): Promise<Done | Otherwise> {
  try {
    await run();
    return done;
  } catch (error) {
    if (kafkaCodeOf(error) === code) return otherwise;
    throw error;
  }
}

/** A broker acknowledges a change some milliseconds before its own metadata shows it. */
async function waitForMetadata(topic: string, reason: string, isDone: () => Promise<boolean>): Promise<void> {
  await retry(async () => {
    if (await isDone()) return;
    throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: `Kafka topic ${topic}`, reason });
  }, METADATA_WAIT);
}
