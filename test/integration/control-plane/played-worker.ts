// A worker that owns and lets go of partitions as the protocol asks, and does nothing else with them.

import type { Redis } from 'ioredis';
import {
  Assignment,
  HEARTBEAT_TTL_MS,
  type PartitionGrant,
  type RedisKeys,
  readMessage,
} from '../../../schemas/coordination.ts';
import { aWorker } from '../../control-plane/builders.ts';

const BEAT_MS = 100;

export class PlayedWorker {
  readonly workerId: string;
  state: 'running' | 'draining' = 'running';
  /** False: takes new partitions but keeps what is revoked. */
  releases = true;
  owned: readonly PartitionGrant[] = [];
  revision = 0;
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();

  constructor(workerId: string, redis: Redis, keys: RedisKeys) {
    this.workerId = workerId;
    this.#redis = redis;
    this.#keys = keys;
  }

  async start(): Promise<void> {
    await this.#beat();
    this.#timer = setInterval(() => {
      this.#beating = this.#beat();
    }, BEAT_MS);
  }

  /** As SIGKILL would: the last heartbeat stays until it expires. */
  async die(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
  }

  async #beat(): Promise<void> {
    const text = await this.#redis.get(this.#keys.assignment(this.workerId));
    if (text !== null) this.#apply(readMessage(Assignment, text));
    const owned = this.owned.map((grant) => ({ ...grant, nextOffset: 5, lagRecords: 2 }));
    const heartbeat = aWorker({
      workerId: this.workerId,
      state: this.state,
      assignmentRevision: this.revision,
      owned,
    });
    await this.#redis
      .multi()
      .set(this.#keys.worker(this.workerId), JSON.stringify(heartbeat), 'PX', HEARTBEAT_TTL_MS)
      .sadd(this.#keys.workers, this.workerId)
      .exec();
  }

  #apply({ revision, partitions }: Assignment): void {
    const isKept = ({ topicId, partition }: PartitionGrant): boolean =>
      !partitions.some((grant) => grant.topicId === topicId && grant.partition === partition);
    this.owned = [...partitions, ...(this.releases ? [] : this.owned.filter(isKept))];
    this.revision = revision;
  }
}
