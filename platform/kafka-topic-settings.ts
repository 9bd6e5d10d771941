// Settings and sizes of Kafka topics that exist: what node-rdkafka has no call for (AlterConfigs, DescribeConfigs and
// DescribeLogDirs). Rarely asked, by people: so it connects for each question, and its client is loaded with the first one.

import { MdsError, reasonOf } from '../schemas/errors.ts';

/** A person waits for the answer. */
const TIMEOUT_MS = 5000;

export interface TopicSettings {
  readonly retentionMs: number | null;
  readonly cleanupPolicy: string | null;
}

export interface KafkaTopicSettingsClient {
  /** Changes this one setting and leaves the others as they are. */
  setRetention(topic: string, retentionMs: number): Promise<void>;
  settingsOf(topic: string): Promise<TopicSettings>;
  /** Bytes on disk by partition, of the fullest replica. */
  sizesOf(topic: string, partitions: number): Promise<Map<number, number>>;
}

/**
 * Every call may throw MdsError `MDS_DEPENDENCY_UNAVAILABLE`.
 *
 * @param brokers host:port, or several with commas between
 */
export function createTopicSettingsClient(brokers: string): KafkaTopicSettingsClient {
  return {
    setRetention: (topic, retentionMs) =>
      withAdmin(brokers, async (admin, { ConfigResourceTypes, IncrementalAlterConfigOperationTypes }) => {
        const config = {
          name: 'retention.ms',
          configOperation: IncrementalAlterConfigOperationTypes.SET,
          value: String(retentionMs),
        };
        const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs: [config] };
        await admin.incrementalAlterConfigs({ resources: [resource], validateOnly: false });
      }),
    settingsOf: (topic) =>
      withAdmin(brokers, async (admin, { ConfigResourceTypes }) => {
        const configurationKeys = ['retention.ms', 'cleanup.policy'];
        const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys };
        const [found] = await admin.describeConfigs({ resources: [resource] });
        const settingOf = (name: string) => found?.configs.find((config) => config.name === name)?.value ?? null;
        const retention = settingOf('retention.ms');
        return {
          retentionMs: retention === null ? null : Number(retention),
          cleanupPolicy: settingOf('cleanup.policy'),
        };
      }),
    sizesOf: (topic, partitions) =>
      withAdmin(brokers, async (admin) => {
        const asked = [{ name: topic, partitions: Array.from({ length: partitions }, (_, partition) => partition) }];
        const sizes = new Map<number, number>();
        for (const { results } of await admin.describeLogDirs({ topics: asked })) {
          for (const { partitionIndex, partitionSize, isFutureKey } of partitionsIn(results)) {
            if (isFutureKey) continue; // a copy that is being moved to another disk
            sizes.set(partitionIndex, Math.max(sizes.get(partitionIndex) ?? 0, Number(partitionSize)));
          }
        }
        return sizes;
      }),
  };
}

type Library = typeof import('@platformatic/kafka');
type Admin = InstanceType<Library['Admin']>;

const partitionsIn = (results: Awaited<ReturnType<Admin['describeLogDirs']>>[number]['results']) =>
  results.flatMap(({ topics }) => topics.flatMap((topic) => topic.partitions));

async function withAdmin<Answer>(
  brokers: string,
  ask: (admin: Admin, library: Library) => Promise<Answer>,
): Promise<Answer> {
  const library = await import('@platformatic/kafka');
  const admin = new library.Admin({
    clientId: 'mds-topic-settings',
    bootstrapBrokers: brokers.split(','),
    retries: 1,
    timeout: TIMEOUT_MS,
    connectTimeout: TIMEOUT_MS,
    requestTimeout: TIMEOUT_MS,
  });
  try {
    return await ask(admin, library);
  } catch (cause) {
    const details = { dependency: 'Kafka (topic settings)', reason: deepestReason(cause) };
    throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', details, { cause });
  } finally {
    await admin.close();
  }
}

/** The library says "Received response with error…"; what the broker said stands inside. */
function deepestReason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return deepestReason(error.errors[0]);
  return error instanceof Error && error.cause instanceof Error ? deepestReason(error.cause) : reasonOf(error);
}
