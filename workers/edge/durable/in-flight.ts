// One event in flight: what is known of it from when its shard takes it until it is settled.

import type { Cursor } from '../../../schemas/cursor.ts';

export type EntryState =
  /** Waits to be given to the consumer. */
  | 'ready'
  /** With the consumer, until it answers or its time is over. */
  | 'sent'
  /** Failed; given again when its time has come. */
  | 'waiting'
  /** Failed for the last time; settled as soon as it stands in the dead-letter topic. */
  | 'dead'
  | 'settled';

export interface InFlight {
  readonly partition: number;
  readonly cursor: Cursor;
  /** How far the shard had come before it. */
  readonly before: Cursor;
  readonly bytes: Buffer;
  readonly recordMs: number;
  readonly publishedMs: number;
  readonly isRedrive: boolean;
  /** Made so far, by all owners. */
  attempts: number;
  state: EntryState;
  /** When `sent` times out, or `waiting` is over. */
  dueMs: number;
  /** Which sending of this book its last one was, from 1; 0: this owner has not sent it. */
  sentNumber: number;
  /** How often this owner has sent it. */
  sentCount: number;
  isRejected: boolean;
  reason: string;
}

type EntryStart = Pick<
  InFlight,
  'partition' | 'cursor' | 'before' | 'bytes' | 'recordMs' | 'publishedMs' | 'attempts' | 'isRedrive'
>;

/** Waits to be sent. */
export const entryOf = (start: EntryStart): InFlight => ({
  ...start,
  state: 'ready',
  dueMs: 0,
  sentNumber: 0,
  sentCount: 0,
  isRejected: false,
  reason: '',
});
