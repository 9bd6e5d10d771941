// From a record of a dead-letter topic to the row that stands for it. Pure.

import { createHash } from 'node:crypto';
import type { DeadLetterRecord } from '../../platform/dead-letter-record.ts';
import type { IndexedLetter } from '../store/dead-letter-index.ts';

/** Longer keys cannot be searched for; they are facts of an event, not a text. */
const MAX_KEY_CHARS = 200;
/** A sentence; what a consumer wrote a book about stands in the record. */
const MAX_MESSAGE_CHARS = 2000;

export interface LetterPlace {
  readonly tenant: string;
  readonly dlqTopic: string;
  readonly dlqPartition: number;
  readonly dlqOffset: number;
}

export function indexedLetterOf(letter: DeadLetterRecord, place: LetterPlace): IndexedLetter {
  const prefix = `${place.tenant}.`;
  return {
    ...place,
    deadLetterId: letterIdOf(letter),
    topic: letter.topic.startsWith(prefix) ? letter.topic.slice(prefix.length) : letter.topic,
    kafkaTopic: letter.topic,
    partition: letter.partition,
    offset: letter.offset,
    index: letter.index,
    subscriptionId: letter.subscription,
    subscriptionName: letter.subscriptionName,
    shard: letter.shard,
    reason: storable(letter.reason),
    message: storable(letter.message).slice(0, MAX_MESSAGE_CHARS),
    attempts: letter.attempts ?? 0,
    consumer: letter.consumer,
    recordKey: textOf(letter.key),
    rejectedAt: new Date(letter.rejectedAt),
  };
}

/** The same for every letter about one event of one subscription, however often it is written. */
function letterIdOf({ topic, partition, offset, index, subscription }: DeadLetterRecord): string {
  const identity = JSON.stringify([topic, partition, offset, index, subscription]);
  return `dl-${createHash('sha256').update(identity).digest('hex').slice(0, 24)}`;
}

/** The last of each id: a statement takes each row once. */
export function lastOfEach(letters: readonly IndexedLetter[]): IndexedLetter[] {
  return [...new Map(letters.map((letter) => [letter.deadLetterId, letter])).values()];
}

function textOf(key: Uint8Array | null): string | null {
  if (key === null || key.length > MAX_KEY_CHARS) return null;
  const text = Buffer.from(key).toString('utf8');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: bytes that are no text are what is looked for
  return /[\u0000-\u001f\ufffd]/.test(text) ? null : text;
}

/** Postgres takes every character but this one. */
const storable = (text: string): string => text.replaceAll('\u0000', '\ufffd');
