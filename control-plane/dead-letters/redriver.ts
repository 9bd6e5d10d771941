// Giving a dead letter on again. One of a durable subscription is delivered by the edge that owns its shard, which is asked
// through Redis and answers there; a record that nobody could get is produced to its topic once more.
//
//   dead ──claimed──▶ redriving ──▶ asked in Redis ──acknowledged──▶ redriven
//                         │                         └──dead-lettered──▶ dead
//                         └──▶ record produced ──▶ redriven
//                                    └ not known whether: dead, and the letter says so
//
// The state moves in Postgres first, so a letter is redriven by one only, and what Redis forgets is asked again.

import type { KafkaProducer } from '../../platform/kafka.ts';
import type { Redis } from '../../platform/redis.ts';
import { readMessage } from '../../schemas/coordination.ts';
import { cursorField, type DurableKeys, RedriveState } from '../../schemas/durable.ts';
import { isMdsErrorCode, MdsError, reasonOf } from '../../schemas/errors.ts';
import { type DeadLetterRow, failRedrive, moveLetter, settleRedrive } from '../store/dead-letters.ts';
import type { Queryable } from '../store/queryable.ts';
import { findSubscription } from '../store/subscriptions.ts';
import type { DeadLetterMetrics } from './dead-letter-metrics.ts';
import type { LetterRecords } from './letter-records.ts';

/** Asks for a redrive, unless this one has been asked for or answered. KEYS: redrives. ARGV: cursor, id, request. */
const WANT = `
local present = redis.call('HGET', KEYS[1], ARGV[1])
if present and cjson.decode(present).deadLetterId == ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`;

export interface RedriverParts {
  readonly db: Queryable;
  readonly redis: Redis;
  readonly keys: DurableKeys;
  readonly records: Pick<LetterRecords, 'original'>;
  readonly producer: () => Promise<Pick<KafkaProducer, 'produce'>>;
  readonly metrics: DeadLetterMetrics;
}

export class Redriver {
  readonly #parts: RedriverParts;

  constructor(parts: RedriverParts) {
    this.#parts = parts;
  }

  /**
   * Does nothing with a letter that is being redriven, or was.
   *
   * @returns the letter as it is then
   * @throws MdsError `MDS_DEAD_LETTER_PURGED`, `MDS_SUBSCRIPTION_UNKNOWN`, `MDS_RECORD_GONE`, or when something is away
   */
  async redrive(letter: DeadLetterRow): Promise<DeadLetterRow> {
    const { db, metrics } = this.#parts;
    const { deadLetterId, subscriptionId, tenant } = letter;
    if (letter.state === 'purged') throw new MdsError('MDS_DEAD_LETTER_PURGED', { id: deadLetterId });
    if (letter.state !== 'dead') return letter;
    if (subscriptionId === null) return this.#produceAgain(letter);
    if ((await findSubscription(db, tenant, subscriptionId)) === null) {
      throw new MdsError('MDS_SUBSCRIPTION_UNKNOWN', { id: letter.subscriptionName ?? subscriptionId });
    }
    const claimed = await moveLetter(db, deadLetterId, ['dead'], 'redriving');
    if (claimed === null) return letter; // another one was faster
    metrics.redrives.inc({ outcome: 'asked' });
    await this.ask([claimed]);
    return claimed;
  }

  /** Asks the edges; those that were asked already are left alone. */
  async ask(letters: readonly DeadLetterRow[]): Promise<void> {
    if (letters.length === 0) return;
    const { redis, keys } = this.#parts;
    const pipeline = redis.pipeline();
    for (const letter of letters) {
      const wanted: RedriveState = { state: 'wanted', deadLetterId: redriveIdOf(letter) };
      pipeline.eval(WANT, 1, keyOf(keys, letter), fieldOf(letter), wanted.deadLetterId, JSON.stringify(wanted));
    }
    for (const id of new Set(letters.map(({ subscriptionId }) => subscriptionId ?? '')))
      pipeline.publish(keys.notify, id);
    const failed = (await pipeline.exec())?.find(([error]) => error !== null)?.[0];
    if (failed) throw failed;
  }

  /** Takes the answers of edges to letters that are being redriven, and asks again where Redis has forgotten. */
  async settle(letters: readonly DeadLetterRow[]): Promise<void> {
    if (letters.length === 0) return;
    const { redis, keys } = this.#parts;
    const pipeline = redis.pipeline();
    for (const letter of letters) pipeline.hget(keyOf(keys, letter), fieldOf(letter));
    const answers = (await pipeline.exec()) ?? [];
    const forgotten: DeadLetterRow[] = [];
    for (const [i, letter] of letters.entries()) {
      const [error, text] = answers[i] ?? [null, null];
      if (error) throw error;
      const answer = typeof text === 'string' ? readMessage(RedriveState, text) : null;
      if (answer === null || answer.deadLetterId !== redriveIdOf(letter)) forgotten.push(letter);
      else if (answer.state !== 'wanted') await this.#settleOne(letter, answer);
    }
    await this.ask(forgotten);
  }

  async #settleOne(letter: DeadLetterRow, { state, attempts = 0, reason }: RedriveState): Promise<void> {
    const { db, redis, keys, metrics } = this.#parts;
    if (state === 'acknowledged') {
      if (await settleRedrive(db, letter)) metrics.redrives.inc({ outcome: 'acknowledged' });
    } else if (await failRedrive(db, letter, failureOf(attempts, reason))) {
      metrics.redrives.inc({ outcome: 'failed' });
    }
    await redis.hdel(keyOf(keys, letter), fieldOf(letter)); // only now: until the state has moved, it is the only copy
  }

  async #produceAgain(letter: DeadLetterRow): Promise<DeadLetterRow> {
    const { db, records, producer, metrics } = this.#parts;
    const { deadLetterId, kafkaTopic } = letter;
    const original = await records.original(letter);
    if (original?.value == null) throw new MdsError('MDS_RECORD_GONE', { reason: letter.message });
    const { produce } = bound(await producer());
    const claimed = await moveLetter(db, deadLetterId, ['dead'], 'redriving');
    if (claimed === null) return letter;
    try {
      await produce(kafkaTopic, null, original.value, original.key);
    } catch (error) {
      const message = `A redrive failed, and the record may stand in its topic all the same: ${reasonOf(error)}. ${letter.message}`;
      await failRedrive(db, claimed, { attempts: 0, reason: null, message });
      metrics.redrives.inc({ outcome: 'failed' });
      throw error;
    }
    metrics.redrives.inc({ outcome: 'produced' });
    return (await moveLetter(db, deadLetterId, ['redriving'], 'redriven')) ?? claimed;
  }
}

/** Each redrive of a letter has its own, so that an old answer is not taken for a new one. */
const redriveIdOf = ({ deadLetterId, redrives }: DeadLetterRow): string => `${deadLetterId}.${redrives}`;

const keyOf = (keys: DurableKeys, { subscriptionId, shard }: DeadLetterRow): string =>
  keys.redrive(subscriptionId ?? '', shard ?? 0);

const fieldOf = ({ partition, offset, index }: DeadLetterRow): string => cursorField(partition, offset, index ?? 0);

/** A code stays what it is; a consumer's own words stand in the message. Without a reason the letter keeps its old one. */
function failureOf(attempts: number, reason: string | undefined) {
  if (reason === undefined) return { attempts, reason: null, message: null };
  const code = isMdsErrorCode(reason) ? reason : 'MDS_EVENT_REFUSED';
  return {
    attempts,
    reason: code,
    message: `Redriven, it failed again: ${new MdsError(code, { attempts, reason }).message}`,
  };
}

const bound = (producer: Pick<KafkaProducer, 'produce'>) => ({ produce: producer.produce.bind(producer) });
