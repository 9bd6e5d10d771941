// Recent events of a topic, from Kafka: what an identity may read, a page at a time.

import type { KafkaMessage } from '../../../platform/kafka.ts';
import type { RecentQuery } from '../../../schemas/api/data.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { readingFilter } from '../../../schemas/identity/reading-filter.ts';
import { makePlan } from '../../../schemas/plan/plan.ts';
import { type Answer, csvText, TYPES } from '../answer-text.ts';
import { recordOf } from '../rollup/rollups.ts';
import { timeMs } from '../times.ts';
import type { PieceReader } from './piece-reader.ts';
import { decodeRecentCursor, encodeRecentCursor } from './recent-cursor.ts';
import { type Left, type RecentEvent, type ScannedRecord, scanRecent } from './recent-scan.ts';
import { RecordFilter } from './record-filter.ts';

export const DEFAULT_LIMIT = 100;
/** Records looked at for one answer; a filter that few match goes on with the cursor. */
const MAX_SCANNED_RECORDS = 20_000;
/** And for how long. */
const MAX_SCAN_MS = 2000;
/** Requests that wait for a reader. */
const MAX_WAITING = 64;

export interface RecentServiceOptions {
  readonly readers: readonly Pick<PieceReader, 'range' | 'read'>[];
  readonly schema: (schemaId: number) => Promise<string | null>;
  readonly now: () => number;
}

export interface RecentAnswerText extends Answer {
  /** Null: everything was read. */
  readonly cursor: string | null;
}

export class RecentService {
  readonly #options: RecentServiceOptions;
  readonly #free: Pick<PieceReader, 'range' | 'read'>[];
  readonly #waiting: ((reader: Pick<PieceReader, 'range' | 'read'>) => void)[] = [];

  constructor(options: RecentServiceOptions) {
    this.#options = options;
    this.#free = [...options.readers];
  }

  /** @throws MdsError as the API says */
  async recent(identity: Identity, topic: CatalogTopic, query: RecentQuery): Promise<RecentAnswerText> {
    const { filter = '', limit = DEFAULT_LIMIT, format = 'json', cursor } = query;
    const record = recordOf(topic);
    makePlan({ filter }, record); // so that an error is about what was asked and nothing else
    const plan = makePlan({ filter: readingFilter(identity, topic.name, filter, record) }, record);
    const nowMs = this.#options.now();
    const fromMs = query.from === undefined ? null : timeMs(query.from, 'from', nowMs);
    const toMs = query.to === undefined ? null : timeMs(query.to, 'to', nowMs);
    const known = cursor === undefined ? null : decodeRecentCursor(cursor, topic.topicId);
    const order = known?.order ?? query.order ?? 'newest';
    return this.#withReader(async (reader) => {
      const left = known?.left ?? (await reader.range(topic, fromMs, toMs));
      const matching = new RecordFilter(plan, this.#options.schema);
      let unreadable = 0;
      const deadlineMs = performance.now() + MAX_SCAN_MS;
      const limits = { events: limit, records: MAX_SCANNED_RECORDS, goesOn: () => performance.now() < deadlineMs };
      const events = await scanRecent(left, order, limits, async (pieces) => {
        const scanned = new Map<number, ScannedRecord[]>();
        for (const [partition, messages] of await reader.read(topic, pieces)) {
          const records: ScannedRecord[] = [];
          for (const message of messages) {
            const matched = await matching.match(message.value);
            if (matched === null) unreadable += 1;
            records.push({ ...placeOf(message), events: matched ?? [] });
          }
          scanned.set(partition, records);
        }
        return scanned;
      });
      const next = encodeRecentCursor({ topicId: topic.topicId, order, left });
      return { ...textOf(format, topic.name, order, events, left, next, unreadable), cursor: next };
    });
  }

  async #withReader<Result>(work: (reader: Pick<PieceReader, 'range' | 'read'>) => Promise<Result>): Promise<Result> {
    if (this.#free.length === 0 && this.#waiting.length >= MAX_WAITING) {
      throw new MdsError('MDS_QUERY_BUSY', { limit: this.#options.readers.length + MAX_WAITING });
    }
    const reader =
      this.#free.pop() ??
      (await new Promise<Pick<PieceReader, 'range' | 'read'>>((resolve) => this.#waiting.push(resolve)));
    try {
      return await work(reader);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(reader);
      else this.#free.push(reader);
    }
  }
}

const placeOf = ({ offset, timestamp }: KafkaMessage) => ({ offset, timestampMs: timestamp ?? 0 });

function textOf(
  format: 'json' | 'ndjson' | 'csv',
  topic: string,
  order: string,
  events: readonly RecentEvent[],
  left: readonly Left[],
  cursor: string | null,
  unreadableRecords: number,
): Answer {
  const contentType = TYPES[format];
  if (format === 'csv') {
    const columns = [
      { name: 'partition', of: ({ partition }: RecentEvent) => partition },
      { name: 'offset', of: ({ offset }: RecentEvent) => offset },
      { name: 'index', of: ({ index }: RecentEvent) => index },
      { name: 'recordedAt', of: ({ timestampMs }: RecentEvent) => new Date(timestampMs).toISOString() },
      { name: 'event', of: ({ json }: RecentEvent) => json },
    ];
    return { contentType, body: csvText(events, columns) };
  }
  const rows = events.map(rowText);
  if (format === 'ndjson') return { contentType, body: rows.map((row) => `${row}\n`).join('') };
  const head = {
    topic,
    order,
    isComplete: cursor === null,
    cursor,
    unreadableRecords,
    scannedTo: left.map(({ partition, from, to }) => ({ partition, offset: order === 'newest' ? to : from })),
  };
  return { contentType, body: `${JSON.stringify(head).slice(0, -1)},"events":[${rows.join(',')}]}` };
}

/** The event is JSON text already. */
function rowText({ partition, offset, index, timestampMs, json }: RecentEvent): string {
  const place = JSON.stringify({ partition, offset, index, recordedAt: new Date(timestampMs).toISOString() });
  return `${place.slice(0, -1)},"event":${json}}`;
}
