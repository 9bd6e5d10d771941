// Topics as users create and delete them, and the finishing of work that a dead process left half done.

import { setTimeout as delay } from 'node:timers/promises';
import type { NewTopic } from '../../schemas/api/topic.ts';
import { DEFAULT_PARTITIONS, DEFAULT_RETENTION_MS } from '../../schemas/api/topic.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { Changing } from '../audit/change.ts';
import type { Queryable } from '../store/queryable.ts';
import { keepQuota } from '../store/quota.ts';
import {
  countTopics,
  findTopic,
  insertTopic,
  isReady,
  leaseTopic,
  markDeleting,
  type ReadyTopic,
  releaseLease,
  type TopicDefinition,
  type TopicRow,
} from '../store/topics.ts';
import { checkEventSchema } from './batch-schema.ts';
import type { KnownSchemas } from './known-schemas.ts';
import { isReservedTopicName, kafkaTopicOf } from './topic-names.ts';
import type { TopicWork } from './topic-work.ts';

/** Owners release within one slab and one heartbeat; after 5 s the deletion goes on without its caller. */
const DELETION_WAIT_MS = 5000;
const DELETION_POLL_MS = 50;

export interface TopicServiceParts {
  readonly db: Queryable;
  readonly work: TopicWork;
  readonly known: KnownSchemas;
  /** Makes the leader look at once, when it is this process. */
  readonly onChange: () => void;
  /** Waits until the data plane can know the topic, so that whoever has created it may subscribe at once. */
  readonly untilTold: (topicId: number) => Promise<void>;
  readonly deletionWaitMs?: number;
}

export class TopicService {
  readonly #parts: TopicServiceParts;

  constructor(parts: TopicServiceParts) {
    this.#parts = parts;
  }

  /**
   * @param quota how many topics the tenant may have; null: any
   * @throws MdsError `MDS_SCHEMA_…`, `MDS_ALREADY_EXISTS`, `MDS_REQUEST_INVALID` (reserved name), `MDS_QUOTA_EXCEEDED` or
   *   `MDS_DEPENDENCY_UNAVAILABLE` (then the same request may be sent again)
   */
  async create(tenant: string, wish: NewTopic, quota: number | null, change: Changing): Promise<ReadyTopic> {
    const definition = this.#define(tenant, wish);
    const inserted = await change.commit(
      async (db) => {
        await keepQuota(db, tenant, 'topics', quota, countTopics);
        return insertTopic(db, definition);
      },
      (row) => row && { id: row.name, after: auditedTopic(row) },
    );
    const row = inserted ?? (await this.#takeOver(definition));
    try {
      const topic = await this.finishCreation(row);
      this.#parts.onChange();
      await this.#parts.untilTold(topic.topicId);
      return topic;
    } catch (error) {
      await releaseLease(this.#parts.db, row.topicId); // the same request may come again at once
      throw error;
    }
  }

  /** Completes a creation whose lease the caller holds, or undoes it when it is refused for good. */
  async finishCreation(row: TopicRow): Promise<ReadyTopic> {
    const { work } = this.#parts;
    try {
      return await work.complete(row);
    } catch (error) {
      if (error instanceof MdsError && !error.retryable) await work.undo(row);
      throw error;
    }
  }

  /** @returns true when the topic is gone, false when its deletion goes on in the background */
  async delete(tenant: string, name: string, change: Changing): Promise<boolean> {
    const { db, onChange, deletionWaitMs = DELETION_WAIT_MS } = this.#parts;
    const row = await change.commit(
      (transaction) => markDeleting(transaction, tenant, name),
      (marked) => marked && { id: name, before: auditedTopic(marked) },
    );
    if (row === null) throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: name });
    onChange();
    const deadlineMs = performance.now() + deletionWaitMs;
    while (performance.now() < deadlineMs) {
      if ((await findTopic(db, tenant, name))?.topicId !== row.topicId) return true;
      await delay(DELETION_POLL_MS);
    }
    return false;
  }

  async find(tenant: string, name: string): Promise<ReadyTopic> {
    const row = await findTopic(this.#parts.db, tenant, name);
    if (row === null || !isReady(row)) throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: name });
    return row;
  }

  #define(tenant: string, wish: NewTopic): TopicDefinition {
    if (isReservedTopicName(wish.name)) {
      const message = `${wish.name} is a name that the service needs for itself`;
      throw new MdsError('MDS_REQUEST_INVALID', { problems: [message], errors: [{ at: 'body/name', message }] });
    }
    const schema = wish.schema ?? this.#parts.known.monitoringEvent;
    checkEventSchema(schema);
    return {
      tenant,
      name: wish.name,
      kafkaTopic: kafkaTopicOf(tenant, wish.name),
      partitions: wish.partitions ?? DEFAULT_PARTITIONS,
      retentionMs: wish.retentionMs ?? DEFAULT_RETENTION_MS,
      cleanupPolicy: wish.cleanupPolicy ?? 'delete',
      schemaJson: JSON.stringify(schema),
    };
  }

  /** A creation of the same topic that was interrupted is continued; anything else of that name is in the way. */
  async #takeOver(wanted: TopicDefinition): Promise<TopicRow> {
    const present = await findTopic(this.#parts.db, wanted.tenant, wanted.name);
    if (present?.state === 'creating' && isSame(present, wanted)) {
      const leased = await leaseTopic(this.#parts.db, present.topicId, 'creating');
      if (leased !== null) return leased;
    }
    throw new MdsError('MDS_ALREADY_EXISTS', { what: 'topic', id: wanted.name, state: present?.state ?? 'deleting' });
  }
}

/** As the audit log has it: the schema is in the registry, under its id. */
const auditedTopic = ({ topicId, kafkaTopic, partitions, retentionMs, cleanupPolicy, schemaId }: TopicRow) => {
  return { topicId, kafkaTopic, partitions, retentionMs, cleanupPolicy, schemaId };
};

const isSame = (a: TopicDefinition, b: TopicDefinition): boolean =>
  a.partitions === b.partitions &&
  a.retentionMs === b.retentionMs &&
  a.cleanupPolicy === b.cleanupPolicy &&
  a.schemaJson === b.schemaJson;
