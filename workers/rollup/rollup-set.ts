// Which rollups there are: one for each topic, by its chosen definition or by the default that its schema gives.

import type { Pool } from 'pg';
import type { Logger } from '../../platform/log.ts';
import type { CatalogTopic } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { defaultDefinition } from '../../schemas/rollup/definition.ts';
import { ensureRollups, nameSeries, type RollupRow, readSeries } from './rollup-store.ts';
import { SeriesNames } from './series-names.ts';
import { eventRecordOf, TopicRollup } from './topic-rollup.ts';

/** How soon a definition that was changed is noticed. */
const LOOK_INTERVAL_MS = 2000;

export class RollupSet {
  readonly #pool: Pool;
  readonly #topics: () => readonly CatalogTopic[];
  readonly #log: Logger;
  readonly #now: () => number;
  #rollups: ReadonlyMap<string, TopicRollup> = new Map();
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(pool: Pool, topics: () => readonly CatalogTopic[], log: Logger, now: () => number) {
    this.#pool = pool;
    this.#topics = topics;
    this.#log = log;
    this.#now = now;
  }

  /** The topics have changed. */
  look(): void {
    this.#readAtMs = Number.NEGATIVE_INFINITY;
  }

  /** @returns by Kafka topic; the same map as long as nothing has changed */
  async current(): Promise<ReadonlyMap<string, TopicRollup>> {
    if (this.#now() - this.#readAtMs < LOOK_INTERVAL_MS) return this.#rollups;
    this.#readAtMs = this.#now();
    try {
      await this.#read();
    } catch (error) {
      if (this.#rollups.size === 0) throw error;
      this.#log.debug({ reason: reasonOf(error) }, 'definitions of rollups could not be read'); // read again soon
    }
    return this.#rollups;
  }

  async nameSeries({ rollupId, definition, names }: TopicRollup): Promise<void> {
    const pending = names.pending();
    if (pending.length > 0) names.named(await nameSeries(this.#pool, rollupId, definition.maxSeries, pending));
  }

  async #read(): Promise<void> {
    const topics = this.#topics();
    const defaults = topics.flatMap((topic) => this.#defaultOf(topic));
    const rows = new Map((await ensureRollups(this.#pool, defaults)).map((row) => [row.topicId, row]));
    const rollups = new Map<string, TopicRollup>();
    let isChanged = false;
    for (const topic of topics) {
      const row = rows.get(topic.topicId);
      if (!row) continue; // it is being deleted, or its schema gives no rollup
      const known = this.#rollups.get(topic.kafkaTopic);
      if (known?.rollupId === row.rollupId && known.topic === topic) {
        rollups.set(topic.kafkaTopic, known);
        continue;
      }
      isChanged = true;
      rollups.set(topic.kafkaTopic, await this.#made(topic, row, known));
    }
    if (isChanged || rollups.size !== this.#rollups.size) this.#rollups = rollups;
  }

  async #made(topic: CatalogTopic, row: RollupRow, known: TopicRollup | undefined): Promise<TopicRollup> {
    const { rollupId, definition } = row;
    if (known?.rollupId === rollupId) return new TopicRollup(topic, rollupId, definition, known.names);
    const names = new SeriesNames(definition.maxSeries, await readSeries(this.#pool, rollupId));
    return new TopicRollup(topic, rollupId, definition, names);
  }

  #defaultOf(topic: CatalogTopic) {
    try {
      return [{ topicId: topic.topicId, definition: defaultDefinition(eventRecordOf(topic)) }];
    } catch (error) {
      this.#log.warn({ topic: topic.name, reason: reasonOf(error) }, 'a topic has no rollup');
      return [];
    }
  }
}
