// Dead letters as users look at them, redrive and purge them.

import { randomUUID } from 'node:crypto';
import {
  DEFAULT_REDRIVE_RATE,
  type DeadLetter,
  type DeadLetterFilter,
  type InspectedDeadLetter,
  type NewRedrive,
  type PurgeRequest,
  type Redrive,
} from '../../schemas/api/dead-letter.ts';
import { MdsError } from '../../schemas/errors.ts';
import {
  countLetters,
  type DeadLetterRow,
  findLetter,
  type LetterSearch,
  listLetters,
  moveLetter,
  purgeLetters,
} from '../store/dead-letters.ts';
import type { Queryable } from '../store/queryable.ts';
import { cancelRedrive, findRedrive, insertRedrive, type RedriveRow } from '../store/redrives.ts';
import type { LetterDecoding } from './letter-decoding.ts';
import type { LetterRecords } from './letter-records.ts';
import type { Redriver } from './redriver.ts';

export interface DeadLetterServiceParts {
  readonly db: Queryable;
  readonly records: LetterRecords;
  readonly decoding: LetterDecoding;
  readonly redriver: Redriver;
}

export class DeadLetterService {
  readonly #parts: DeadLetterServiceParts;

  constructor(parts: DeadLetterServiceParts) {
    this.#parts = parts;
  }

  list(tenant: string, search: LetterSearch, before: number, limit: number): Promise<DeadLetterRow[]> {
    checkTimes(search);
    return listLetters(this.#parts.db, tenant, search, before, limit);
  }

  async inspect(tenant: string, id: string): Promise<InspectedDeadLetter> {
    const { records, decoding } = this.#parts;
    const row = await this.#find(tenant, id);
    const record = await records.original(row);
    const { schemaId, events, problem } = await decoding.original(record?.value ?? null, row.index);
    const original =
      record === null
        ? null
        : {
            timestamp: new Date(record.recordTimestamp).toISOString(),
            key: base64(record.key),
            value: base64(record.value),
          };
    return { ...shownLetter(row), original, schemaId, events: [...events], problem };
  }

  async redrive(tenant: string, id: string): Promise<DeadLetter> {
    return shownLetter(await this.#parts.redriver.redrive(await this.#find(tenant, id)));
  }

  /** The leader does it, also when it has changed in between. */
  async redriveMany(tenant: string, { filter, all, ratePerSecond }: NewRedrive): Promise<Redrive> {
    const { db } = this.#parts;
    const wanted = filterOf(filter, all);
    const { total, lastSequence } = await countLetters(db, tenant, { ...wanted, states: ['dead'] });
    const row = await insertRedrive(db, {
      redriveId: `redrive-${randomUUID()}`,
      tenant,
      filter: wanted,
      ratePerSecond: ratePerSecond ?? DEFAULT_REDRIVE_RATE,
      total,
      lastSequence,
    });
    return shownRedrive(row, 'new');
  }

  async readRedrive(tenant: string, id: string): Promise<Redrive> {
    return shownRedrive(await findRedrive(this.#parts.db, tenant, id), id);
  }

  /** What it has done stays done. */
  async cancelRedrive(tenant: string, id: string): Promise<Redrive> {
    await cancelRedrive(this.#parts.db, tenant, id);
    return this.readRedrive(tenant, id);
  }

  async purge(tenant: string, id: string): Promise<void> {
    const { deadLetterId } = await this.#find(tenant, id);
    if ((await moveLetter(this.#parts.db, deadLetterId, ['dead', 'redriven', 'purged'], 'purged')) === null) {
      throw new MdsError('MDS_DEAD_LETTER_REDRIVING', { id });
    }
  }

  purgeMany(tenant: string, { filter, all }: PurgeRequest): Promise<number> {
    return purgeLetters(this.#parts.db, tenant, filterOf(filter, all));
  }

  async #find(tenant: string, id: string): Promise<DeadLetterRow> {
    const row = await findLetter(this.#parts.db, tenant, id);
    if (row === null) throw new MdsError('MDS_NOT_FOUND', { what: 'dead letter', id });
    return row;
  }
}

/** Nothing is touched by leaving something out: everything must be asked for. */
function filterOf(filter: DeadLetterFilter = {}, all: true | undefined): DeadLetterFilter {
  checkTimes(filter);
  const isEmpty = Object.keys(filter).length === 0;
  if (isEmpty === (all === true)) return filter;
  const message = isEmpty ? 'give a filter, or all: true' : 'give a filter or all, not both';
  throw new MdsError('MDS_REQUEST_INVALID', { problems: [message], errors: [{ at: 'body', message }] });
}

function checkTimes({ from, to }: DeadLetterFilter): void {
  for (const [name, time] of Object.entries({ from, to })) {
    if (time === undefined || Number.isFinite(Date.parse(time))) continue;
    const message = `${time} is not a time; write it as 2026-01-31T12:00:00Z`;
    throw new MdsError('MDS_REQUEST_INVALID', { problems: [message], errors: [{ at: name, message }] });
  }
}

export function shownLetter(row: DeadLetterRow): DeadLetter {
  const { deadLetterId, state, topic, partition, offset, index, subscriptionId, subscriptionName, shard } = row;
  return {
    id: deadLetterId,
    state,
    topic,
    cursor: { partition, offset, index },
    subscription:
      subscriptionId === null
        ? null
        : { id: subscriptionId, name: subscriptionName ?? subscriptionId, shard: shard ?? 0 },
    reason: row.reason,
    message: row.message,
    attempts: row.attempts,
    consumer: row.consumer,
    key: row.recordKey,
    at: row.rejectedAt.toISOString(),
    changedAt: row.changedAt.toISOString(),
    redrives: row.redrives,
  };
}

function shownRedrive(row: RedriveRow | null, id: string): Redrive {
  if (row === null) throw new MdsError('MDS_NOT_FOUND', { what: 'redrive', id });
  const { redriveId, state, filter, ratePerSecond, total, redriven, failed, createdAt, updatedAt } = row;
  return {
    id: redriveId,
    state,
    filter,
    ratePerSecond,
    total,
    redriven,
    failed,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

const base64 = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString('base64');
