// The leader's part of topic work: finish creations that their process did not live to finish, and deletions once nobody
// owns a partition any more. Runs beside the ownership loop, for Kafka and the registry may take their time.

import type { Logger } from '../../platform/log.ts';
import type { PartitionOwnership } from '../ownership/handover.ts';
import type { Queryable } from '../store/queryable.ts';
import { leaseTopic, releaseLease, type TopicRow } from '../store/topics.ts';
import type { TopicService } from './topic-service.ts';
import type { TopicWork } from './topic-work.ts';

/** Whatever was away needs longer than one round of the leader to come back. */
const RETRY_SECONDS = 5;

export interface UnfinishedTopicsParts {
  readonly db: Queryable;
  readonly work: TopicWork;
  readonly service: TopicService;
  readonly log: Logger;
}

export class UnfinishedTopics {
  readonly #parts: UnfinishedTopicsParts;
  #running: Promise<void> | null = null;

  constructor(parts: UnfinishedTopicsParts) {
    this.#parts = parts;
  }

  /** Starts one round unless one is running. */
  look(topics: readonly TopicRow[], ownership: readonly PartitionOwnership[]): void {
    const todo = topics.filter((row) => row.state === 'creating' || isFree(row, ownership));
    if (this.#running !== null || todo.length === 0) return;
    this.#running = this.#finishAll(todo).finally(() => {
      this.#running = null;
    });
  }

  async stop(): Promise<void> {
    await this.#running;
  }

  async #finishAll(todo: readonly TopicRow[]): Promise<void> {
    for (const row of todo) {
      try {
        await this.#finish(row);
      } catch (err) {
        this.#parts.log.warn({ err, topic: row.name, state: row.state }, 'a topic could not be finished; trying again');
      }
    }
  }

  async #finish({ topicId, state, name }: TopicRow): Promise<void> {
    const { db, work, service, log } = this.#parts;
    const leased = await leaseTopic(db, topicId, state);
    if (leased === null) return;
    try {
      if (state === 'creating') await service.finishCreation(leased);
      else await work.remove(leased);
    } catch (error) {
      await releaseLease(db, topicId, RETRY_SECONDS);
      throw error;
    }
    log.info({ topic: name, state }, 'finished a topic');
  }
}

const isFree = (row: TopicRow, ownership: readonly PartitionOwnership[]): boolean =>
  row.state === 'deleting' &&
  ownership.every(({ topicId, owner }) => topicId !== row.topicId || owner.state === 'unowned');
