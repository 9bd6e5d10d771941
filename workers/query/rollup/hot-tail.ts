// Follows the flushes of the rollups that somebody asks: told by pub/sub, read from the partition's stream in Redis, given
// to the memory in order. What Redis does not have is noticed by comparing with Postgres now and then.

import type { Pool } from 'pg';
import type { Logger } from '../../../platform/log.ts';
import { type Redis, subscribeAtStart } from '../../../platform/redis.ts';
import { reasonOf } from '../../../schemas/errors.ts';
import { NOTHING_ADDED, type RollupKeys, readNotice } from '../../../schemas/rollup/hot-log.ts';
import { readSeqs } from './block-store.ts';
import type { FlushedBlocks } from './rollup-memory.ts';
import type { AskedRollup } from './rollups.ts';

const COMPARE_INTERVAL_MS = 2000;

export interface HotTailOptions {
  readonly redis: Redis;
  readonly pool: Pool;
  readonly keys: RollupKeys;
  readonly asked: () => readonly AskedRollup[];
  /** The rollup has changed. */
  readonly onChange: (rollupId: number) => void;
  readonly log: Logger;
}

export class HotTail {
  readonly #options: HotTailOptions;
  /** Being read, by `rollup:partition`; true: and there is more. */
  readonly #reading = new Map<string, boolean>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HotTailOptions) {
    this.#options = options;
  }

  /** @param notices in subscriber mode afterwards */
  async start(notices: Redis): Promise<void> {
    const { keys, asked } = this.#options;
    notices.on('message', (channel: string, text: string) => {
      const notice = channel === keys.notify ? readNotice(text) : null;
      if (!notice) return;
      const rollup = asked().find(({ rollupId }) => rollupId === notice.rollupId);
      if (rollup) this.#follow(rollup, notice.partition, notice.seq);
    });
    await subscribeAtStart(notices, 'subscribe', [keys.notify]);
    this.#timer = setInterval(() => {
      this.#compare().catch((error: unknown) => {
        this.#options.log.debug({ reason: reasonOf(error) }, 'flushes could not be compared'); // again soon
      });
    }, COMPARE_INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #follow(rollup: AskedRollup, partition: number, seq: number): void {
    const last = rollup.memory.seqOf(partition);
    if (last === null || seq <= last) return;
    const name = `${rollup.rollupId}:${partition}`;
    if (this.#reading.has(name)) {
      this.#reading.set(name, true);
      return;
    }
    this.#reading.set(name, false);
    this.#read(rollup, partition)
      .catch((error: unknown) => {
        this.#options.log.debug({ reason: reasonOf(error) }, 'flushes could not be read'); // compared soon
      })
      .finally(() => {
        const isMore = this.#reading.get(name) === true;
        this.#reading.delete(name);
        if (isMore) this.#follow(rollup, partition, Number.MAX_SAFE_INTEGER);
      });
  }

  async #read({ rollupId, memory }: AskedRollup, partition: number): Promise<void> {
    const last = memory.seqOf(partition);
    if (last === null) return;
    const { redis, keys, onChange } = this.#options;
    const entries = await redis.xrangeBuffer(keys.log(rollupId, partition), `${last + 1}-0`, '+');
    const before = memory.version;
    for (const [id, fields] of entries) {
      if (!memory.apply(flushOf(partition, id, fields))) break;
    }
    if (memory.version !== before) onChange(rollupId);
  }

  /** A memory that is behind Postgres, and cannot be brought further by Redis, is emptied. */
  async #compare(): Promise<void> {
    const { asked, pool, onChange } = this.#options;
    const following = asked().filter(({ memory }) => memory.seqOf(0) !== null);
    if (following.length === 0) return;
    const seqs = await readSeqs(
      pool,
      following.map(({ rollupId }) => rollupId),
    );
    for (const { rollupId, partition, seq } of seqs) {
      const rollup = following.find((one) => one.rollupId === rollupId);
      if (!rollup || this.#reading.has(`${rollupId}:${partition}`) || !isBehind(rollup, partition, seq)) continue;
      await this.#read(rollup, partition).catch(() => undefined); // then it is still behind
      if (!isBehind(rollup, partition, seq)) continue;
      rollup.memory.clear();
      onChange(rollupId);
    }
  }
}

function isBehind({ memory }: AskedRollup, partition: number, seq: number): boolean {
  const known = memory.seqOf(partition);
  return known !== null && known < seq;
}

function flushOf(partition: number, id: Buffer, fields: readonly Buffer[]): FlushedBlocks {
  const blocks: { minute: number; block: Buffer }[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [minute, block] = [String(fields[i]), fields[i + 1]];
    if (minute !== NOTHING_ADDED && block) blocks.push({ minute: Number(minute), block });
  }
  return { partition, seq: Number.parseInt(String(id), 10), blocks };
}
