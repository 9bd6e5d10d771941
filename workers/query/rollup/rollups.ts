// The rollups that can be asked: definition, series and memory of each, made when somebody asks for the first time.

import type { Pool } from 'pg';
import type { Logger } from '../../../platform/log.ts';
import { type AvroRecord, eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import type { RollupDefinition } from '../../../schemas/rollup/definition.ts';
import { type RollupRow, readBlocks, readRollups, readSeries } from './block-store.ts';
import { RollupMemory } from './rollup-memory.ts';
import { SeriesDirectory } from './series-directory.ts';

/** How soon another definition is noticed. */
const LOOK_INTERVAL_MS = 2000;

export interface AskedRollup {
  readonly rollupId: number;
  readonly definition: RollupDefinition;
  readonly isChosen: boolean;
  readonly record: AvroRecord;
  readonly memory: RollupMemory;
  readonly directory: SeriesDirectory;
}

export class Rollups {
  readonly #pool: Pool;
  readonly #log: Logger;
  readonly #maxCells: number;
  #rows: ReadonlyMap<number, RollupRow> = new Map();
  /** By topic id. */
  readonly #asked = new Map<number, { readonly topic: CatalogTopic; readonly rollup: AskedRollup }>();
  #timer: NodeJS.Timeout | undefined;

  /** @param maxCells aggregates held over all rollups */
  constructor(pool: Pool, log: Logger, maxCells: number) {
    this.#pool = pool;
    this.#log = log;
    this.#maxCells = maxCells;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#shrink();
      Promise.all([this.look(), ...this.asked.map(({ memory }) => memory.prepare(Date.now()))]).catch(
        (error: unknown) => {
          this.#log.debug({ reason: reasonOf(error) }, 'rollups could not be read ahead'); // read again soon
        },
      );
    }, LOOK_INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async look(): Promise<void> {
    this.#rows = new Map((await readRollups(this.#pool)).map((row) => [row.topicId, row]));
    for (const [topicId, { rollup }] of this.#asked) {
      if (this.#rows.get(topicId)?.rollupId !== rollup.rollupId) this.#asked.delete(topicId);
    }
  }

  /** Those that hold something. */
  get asked(): readonly AskedRollup[] {
    return [...this.#asked.values()].map(({ rollup }) => rollup);
  }

  /** @throws MdsError `MDS_ROLLUP_NOT_READY` */
  async of(topic: CatalogTopic): Promise<AskedRollup> {
    const known = this.#asked.get(topic.topicId);
    if (known?.topic === topic) return known.rollup;
    if (!this.#rows.has(topic.topicId)) await this.look(); // it may be new
    const row = this.#rows.get(topic.topicId);
    if (!row) throw new MdsError('MDS_ROLLUP_NOT_READY', { topic: topic.name });
    const rollup = this.#made(topic, row);
    this.#asked.set(topic.topicId, { topic, rollup });
    return rollup;
  }

  #made(topic: CatalogTopic, { rollupId, definition, isChosen }: RollupRow): AskedRollup {
    const memory = new RollupMemory({ load: (level, buckets) => readBlocks(this.#pool, rollupId, level, buckets) });
    const directory = new SeriesDirectory((afterId) => readSeries(this.#pool, rollupId, afterId));
    const record = recordOf(topic);
    return { rollupId, definition, isChosen, record, memory, directory };
  }

  #shrink(): void {
    let excess = -this.#maxCells;
    for (const { memory } of this.asked) excess += memory.size;
    for (const { memory } of this.asked) {
      if (excess <= 0) return;
      const before = memory.size;
      memory.shrink(excess);
      excess -= before - memory.size;
    }
  }
}

export function recordOf({ schema }: CatalogTopic): AvroRecord {
  const parsed = parseAvroSchema(schema);
  if (parsed.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: parsed.kind });
  return eventSchemaOf(parsed);
}
