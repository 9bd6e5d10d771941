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
import { type Identity, isAdmin, mayDo } from '../../schemas/identity/identity.ts';
import { maySeeUseOf } from '../access/reading.ts';
import type { Changing } from '../audit/change.ts';
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
import { withStoredTimes } from '../store/stored-times.ts';
import { findSubscription } from '../store/subscriptions.ts';
import { findTopic } from '../store/topics.ts';
import type { LetterDecoding } from './letter-decoding.ts';
import type { LetterRecords } from './letter-records.ts';
import { isContentSeen, NOT_TO_BE_READ, seenLetters, viewOf } from './letter-views.ts';
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

  async list(identity: Identity, search: LetterSearch, before: number, limit: number): Promise<DeadLetterRow[]> {
    const { db } = this.#parts;
    return listLetters(db, identity.tenant, await seenLetters(db, identity), withStoredTimes(search), before, limit);
  }

  /** Of a record that only some events may be read of, only those are shown. */
  async inspect(identity: Identity, id: string): Promise<InspectedDeadLetter> {
    const { records, decoding, db } = this.#parts;
    const row = await this.#find(identity, id);
    const topic = await findTopic(db, identity.tenant, row.topic);
    const record = await records.original(row);
    const view = await viewOf(decoding, identity, row, topic?.schemaJson ?? null, record?.value ?? null);
    if (view === 'nothing') throw unknown(id);
    if (view === 'hidden') return { ...shownLetter(row, false), ...NOT_TO_BE_READ };
    const { schemaId, events, problem } = await decoding.original(record?.value ?? null, row.index);
    const original =
      record === null || view === 'event'
        ? null
        : {
            timestamp: new Date(record.recordTimestamp).toISOString(),
            key: base64(record.key),
            value: base64(record.value),
          };
    const shown = shownLetter(row, true);
    const key = view === 'event' ? null : shown.key; // it is the record's, which others share
    return { ...shown, key, original, schemaId, events: [...events], problem };
  }

  async redrive(identity: Identity, id: string): Promise<DeadLetter> {
    const row = await this.#parts.redriver.redrive(await this.#findToManage(identity, id));
    return shownLetter(row, isContentSeen(identity, row.topic));
  }

  /** The leader does it, also when it has changed in between. */
  async redriveMany(
    identity: Identity,
    { filter, all, ratePerSecond }: NewRedrive,
    change: Changing,
  ): Promise<Redrive> {
    const { tenant } = identity;
    const wanted = await this.#scope(identity, filterOf(filter, all));
    const row = await change.commit(
      async (db) => {
        const { total, lastSequence } = await countLetters(db, tenant, { ...wanted, states: ['dead'] });
        return insertRedrive(db, {
          redriveId: `redrive-${randomUUID()}`,
          tenant,
          filter: wanted,
          ratePerSecond: ratePerSecond ?? DEFAULT_REDRIVE_RATE,
          total,
          lastSequence,
        });
      },
      (made) => made && { id: made.redriveId, after: { filter: wanted, total: made.total } },
    );
    return shownRedrive(row, 'new');
  }

  async readRedrive(identity: Identity, id: string): Promise<Redrive> {
    return shownRedrive(await this.#findRedrive(identity, id), id);
  }

  /** What it has done stays done. */
  async cancelRedrive(identity: Identity, id: string, change: Changing): Promise<Redrive> {
    const { filter, state } = await this.#findRedrive(identity, id);
    demandManage(identity, filter.topic);
    await change.commit(
      (db) => cancelRedrive(db, identity.tenant, id),
      () => ({ id, before: { state }, after: { state: 'cancelled' } }),
    );
    return this.readRedrive(identity, id);
  }

  async purge(identity: Identity, id: string, change: Changing): Promise<void> {
    const { deadLetterId, state, topic } = await this.#findToManage(identity, id);
    const moved = await change.commit(
      (db) => moveLetter(db, deadLetterId, ['dead', 'redriven', 'purged'], 'purged'),
      (row) => row && { id, before: { state, topic }, after: { state: 'purged' } },
    );
    if (moved === null) throw new MdsError('MDS_DEAD_LETTER_REDRIVING', { id });
  }

  async purgeMany(identity: Identity, { filter, all }: PurgeRequest, change: Changing): Promise<number> {
    const wanted = await this.#scope(identity, filterOf(filter, all));
    return change.commit(
      (db) => purgeLetters(db, identity.tenant, wanted),
      (purged) => ({ after: { filter: wanted, purged } }),
    );
  }

  async #find(identity: Identity, id: string): Promise<DeadLetterRow> {
    const row = await findLetter(this.#parts.db, identity.tenant, id);
    if (row === null || !maySeeUseOf(identity, row.topic)) throw unknown(id);
    return row;
  }

  async #findToManage(identity: Identity, id: string): Promise<DeadLetterRow> {
    const row = await this.#find(identity, id);
    demandManage(identity, row.topic);
    return row;
  }

  async #findRedrive(identity: Identity, id: string): Promise<RedriveRow> {
    const row = await findRedrive(this.#parts.db, identity.tenant, id);
    const { topic } = row?.filter ?? {};
    const isSeen = topic === undefined ? isAdmin(identity) : maySeeUseOf(identity, topic);
    if (row === null || !isSeen) throw new MdsError('MDS_NOT_FOUND', { what: 'redrive', id });
    return row;
  }

  /** Many at once need a topic that all of them are of, unless the whole tenant may be managed. */
  async #scope(identity: Identity, filter: DeadLetterFilter): Promise<DeadLetterFilter> {
    if (isAdmin(identity)) return filter;
    const { subscription } = filter;
    const found =
      filter.topic === undefined && subscription !== undefined
        ? await findSubscription(this.#parts.db, identity.tenant, subscription)
        : null;
    const topic = filter.topic ?? found?.topic;
    demandManage(identity, topic);
    return topic === undefined ? filter : { ...filter, topic };
  }
}

const unknown = (id: string): MdsError => new MdsError('MDS_NOT_FOUND', { what: 'dead letter', id });

/** @param topic undefined: all of the tenant */
function demandManage(identity: Identity, topic: string | undefined): void {
  const may = topic === undefined ? isAdmin(identity) : mayDo(identity, 'manage', topic);
  if (!may) throw new MdsError('MDS_FORBIDDEN', { action: 'manage', topic: topic ?? 'every topic' });
}

/** Nothing is touched by leaving something out: everything must be asked for. */
function filterOf(given: DeadLetterFilter = {}, all: true | undefined): DeadLetterFilter {
  const filter = withStoredTimes(given);
  const isEmpty = Object.keys(filter).length === 0;
  if (isEmpty === (all === true)) return filter;
  const message = isEmpty ? 'give a filter, or all: true' : 'give a filter or all, not both';
  throw new MdsError('MDS_REQUEST_INVALID', { problems: [message], errors: [{ at: 'body', message }] });
}

/** @param isContentShown whether what tells of the event may be shown: its key, and what its consumer said */
export function shownLetter(row: DeadLetterRow, isContentShown: boolean): DeadLetter {
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
    message: isContentShown ? row.message : NOT_SHOWN,
    attempts: row.attempts,
    consumer: row.consumer,
    key: isContentShown ? row.recordKey : null,
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

const NOT_SHOWN = 'Only whoever may subscribe to the topic sees what was said of the event.';

const base64 = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString('base64');
