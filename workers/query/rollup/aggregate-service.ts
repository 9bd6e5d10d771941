// Answers about rollups: aggregates by window and group, and latest values.

import type {
  AggregateAnswer,
  AggregateRequest,
  AggregateRow,
  LatestAnswer,
  LatestQuery,
} from '../../../schemas/api/data.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { dimensionsOf, LABELS_FIELD, type RollupDefinition, seriesKeyOf } from '../../../schemas/rollup/definition.ts';
import { type Answer, answerText, type Column } from '../answer-text.ts';
import { durationMs, microsText } from '../times.ts';
import { type AggregateWish, aggregateWish, namesIn, windowsOfWish } from './aggregate-wish.ts';
import { aggregate, type Grouping, latest } from './aggregation.ts';
import { AnswerCache } from './answer-cache.ts';
import { type DimensionValue, dimensionNamed } from './dimension.ts';
import { type Readable, readableSeries } from './readable.ts';
import type { Bucket } from './rollup-memory.ts';
import type { AskedRollup, Rollups } from './rollups.ts';
import { SpanCache } from './span-cache.ts';
import { bucketsOf, MINUTE_MS, type Windows, windowsOf } from './windows.ts';

const DAY_MS = 86_400_000;
const DEFAULT_WITHIN = '1h';

export interface AggregateServiceOptions {
  readonly rollups: Pick<Rollups, 'of'>;
  readonly maxRows: number;
  readonly maxAnswerBytes: number;
  /** Rows of windows that are kept for whoever asks the same after the next flush. */
  readonly maxKnownRows: number;
  readonly now: () => number;
}

type LatestRow = LatestAnswer['rows'][number];
type Group = Readonly<Record<string, DimensionValue>>;

export class AggregateService {
  readonly #options: AggregateServiceOptions;
  readonly #cache: AnswerCache;
  readonly #spans: SpanCache;

  constructor(options: AggregateServiceOptions) {
    this.#options = options;
    this.#cache = new AnswerCache(options.maxAnswerBytes);
    this.#spans = new SpanCache(options.maxKnownRows);
  }

  /** @throws MdsError as the API says */
  async aggregate(identity: Identity, topic: CatalogTopic, request: AggregateRequest): Promise<Answer> {
    const nowMs = this.#options.now();
    const { format = 'json' } = request;
    const rollup = await this.#options.rollups.of(topic);
    const wish = aggregateWish(request, identity, topic.name, rollup, nowMs);
    const windows = windowsOfWish(wish, nowMs);
    const key = `${wish.key} ${windows.fromMs} ${windows.toMs} ${format} ${wish.readable.isUnrestricted}`;
    return this.#cache.get(key, rollup.memory.version, async () => {
      const answer = await this.answer(topic.name, rollup, wish, windows);
      const columns: Column<AggregateRow>[] = [
        { name: 'start', of: ({ start }) => start },
        ...wish.groupBy.map((name): Column<AggregateRow> => ({ name, of: ({ group }) => group[name] })),
        ...wish.functions.map((name): Column<AggregateRow> => ({ name, of: (row) => row[name] })),
      ];
      return answerText(format, answer, answer.rows, columns);
    });
  }

  /** @throws MdsError `MDS_ANSWER_TOO_LARGE`, `MDS_ROLLUP_RANGE`, `MDS_DEPENDENCY_UNAVAILABLE` */
  async answer(topic: string, rollup: AskedRollup, wish: AggregateWish, windows: Windows): Promise<AggregateAnswer> {
    const { functions, groupBy, readable } = wish;
    const { grouping, numbers, buckets } = await this.#read(rollup, windows, wish);
    const { rows, leftOutEvents } = aggregate(
      { windows, functions, grouping },
      numbers,
      buckets,
      this.#spans.of(wish.key),
    );
    const limit = this.#options.maxRows;
    if (rows.length > limit) throw new MdsError('MDS_ANSWER_TOO_LARGE', { limit });
    return {
      topic,
      from: new Date(windows.fromMs).toISOString(),
      to: new Date(windows.toMs).toISOString(),
      windowSeconds: windows.windowMs / 1000,
      groupBy: [...groupBy],
      functions: [...functions],
      isComplete: leftOutEvents === 0,
      overflowEvents: readable.isUnrestricted ? leftOutEvents : null,
      rows: rows.map(({ startMs, group, values }) => ({
        start: new Date(startMs).toISOString(),
        group: named(groupBy, group),
        ...values,
      })),
    };
  }

  /** @throws MdsError as the API says */
  async latest(identity: Identity, topic: CatalogTopic, query: LatestQuery): Promise<Answer> {
    const { group = '', filter = '', within = DEFAULT_WITHIN, format = 'json' } = query;
    const nowMs = this.#options.now();
    const rollup = await this.#options.rollups.of(topic);
    const readable = readableSeries(identity, topic.name, filter, rollup);
    const groupBy = [...new Set(namesIn(group))];
    const withinMs = durationMs(within, 'within');
    if (withinMs > DAY_MS) throw new MdsError('MDS_REQUEST_INVALID', { problems: ['within may be 1d at most'] });
    // Into the next minute, for clocks of hosts that go before.
    const windows = windowsOf(MINUTE_MS, nowMs - withinMs, nowMs + MINUTE_MS);
    const key = JSON.stringify([
      'latest',
      rollup.rollupId,
      readable.filter,
      groupBy,
      windows.fromMs,
      windows.toMs,
      format,
    ]);
    return this.#cache.get(key, rollup.memory.version, async () => {
      const answer = await this.#latestAnswer(topic.name, rollup, windows, groupBy, readable);
      const names = groupBy.length > 0 ? groupBy : [...new Set(answer.rows.flatMap((row) => Object.keys(row.group)))];
      const columns: Column<LatestRow>[] = [
        ...names.map((name): Column<LatestRow> => ({ name, of: (row) => row.group[name] })),
        { name: 'at', of: ({ at }) => at },
        { name: 'value', of: ({ value }) => value },
      ];
      return answerText(format, answer, answer.rows, columns);
    });
  }

  async #latestAnswer(
    topic: string,
    rollup: AskedRollup,
    windows: Windows,
    groupBy: readonly string[],
    readable: Readable,
  ): Promise<LatestAnswer> {
    // Without dimensions each series is a group of its own, whatever labels it has.
    const dimensions =
      groupBy.length === 0 ? [seriesKeyOf] : groupBy.map((name) => dimensionNamed(name, rollup.definition));
    const { grouping, buckets } = await this.#read(rollup, windows, {
      readable,
      groupBy: ['latest', ...groupBy],
      dimensions,
    });
    const rows = latest(buckets, grouping);
    const limit = this.#options.maxRows;
    if (rows.length > limit) throw new MdsError('MDS_ANSWER_TOO_LARGE', { limit });
    const groupOf = (values: readonly DimensionValue[]): Group =>
      groupBy.length === 0 ? seriesGroup(String(values[0]), rollup.definition) : named(groupBy, values);
    return {
      topic,
      group: [...groupBy],
      rows: rows.map(({ group, micros, value }) => ({ group: groupOf(group), at: microsText(micros), value })),
    };
  }

  async #read(
    { memory, directory }: AskedRollup,
    windows: Windows,
    { readable, groupBy, dimensions }: Pick<AggregateWish, 'readable' | 'groupBy' | 'dimensions'>,
  ): Promise<{
    readonly grouping: Grouping;
    readonly numbers: readonly number[];
    readonly buckets: readonly Bucket[];
  }> {
    const numbers = bucketsOf(windows);
    const buckets = await memory.buckets(windows.level, numbers);
    let last = 0;
    for (const { table } of buckets) last = Math.max(last, table.lastSeries);
    await directory.reach(last);
    const grouping = directory.grouping(JSON.stringify([readable.filter, groupBy]), readable.takes, dimensions);
    return { grouping, numbers, buckets };
  }
}

/** Every dimension of one series. @param key from `seriesKeyOf` */
function seriesGroup(key: string, definition: RollupDefinition): Group {
  const { fields, labels } = dimensionsOf(key);
  const ofLabels = Object.entries(labels).map(([label, value]) => [`${LABELS_FIELD}.${label}`, value]);
  return { ...named(definition.fields, fields), ...Object.fromEntries(ofLabels) };
}

const named = (names: readonly string[], values: readonly DimensionValue[]): Group =>
  Object.fromEntries(names.map((name, i) => [name, values[i] ?? null]));
