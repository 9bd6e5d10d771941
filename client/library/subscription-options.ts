// What a subscriber may ask for, and what it is told: options, handlers, states, the start.

import { MdsError } from '../../schemas/errors.ts';
import type { OverflowPolicy, SubscribeMessage } from '../../schemas/frames.ts';
import { decodeResumeToken } from '../../schemas/resume-token.ts';
import type { EventBatch, Gap, Shed } from './events.ts';
import type { Store } from './store.ts';

/**
 * 10,000 events: about 10 MB of typical events, half a second of a 20,000 events/s stream. More only delays the moment at
 * which a reader that is too slow falls back to reading from Kafka's history at its own speed.
 */
const DEFAULT_BUFFER_EVENTS = 10_000;

/** `replaying`: also while the edge catches up for this subscription, whenever it has to. */
export type SubscriptionState = 'waiting' | 'subscribing' | 'replaying' | 'live' | 'paused' | 'ended';

export interface SubscribeOptions<T = unknown> {
  readonly topic: string;
  /** CEL; absent or empty: every event. */
  readonly filter?: string;
  /** Field paths to keep; absent: all. */
  readonly fields?: readonly string[];
  /** Token of an earlier subscription to the same topic: everything after it comes first. */
  readonly resume?: string;
  /**
   * What the edge does when this client does not keep up. `resume` (default): closes it, and it continues from there;
   * `latest`: sends of equal `key` only the latest; `drop`: leaves out what there is no room for. See `onShed`.
   */
  readonly overflow?: OverflowPolicy;
  /** Field paths whose values together are the key of `latest`. */
  readonly key?: readonly string[];
  /** Most events a second; needs `overflow: 'latest'` or `'drop'`, which says what becomes of the rest. */
  readonly maxRate?: number;
  /** Most events held for a reader that is slower than the stream. */
  readonly bufferEvents?: number;
  /**
   * `resume` (default): stop receiving, and continue from there when half the buffer was read; nothing is lost as long as
   * Kafka holds it. `error`: end the subscription with `MDS_CLIENT_BUFFER_FULL` behind what the buffer holds.
   */
  readonly onBufferFull?: 'resume' | 'error';
  /**
   * Told of each range that will never come, in its place between the events. Without it, iterating throws an MdsError
   * with the gap's code there; iterating again continues behind the gap.
   */
  readonly onGap?: (gap: Gap) => void;
  /**
   * Told of each range in which the edge left events out, in its place between the events. Without it, `onState` is told
   * `MDS_EVENTS_SHED` at the first one, and the property `shed` counts them in any case.
   */
  readonly onShed?: (shed: Shed) => void;
  /** `error` says why it waits or ended, when something went wrong. */
  readonly onState?: (state: SubscriptionState, error: MdsError | null) => void;
  /** Where effect and position are committed together: events go there and nowhere else. */
  readonly store?: Store<T>;
}

export interface SubscriptionHandlers<T> {
  /** The next batch is handed over when the promise is fulfilled. */
  readonly onEvents: (batch: EventBatch<T>) => void | Promise<void>;
  readonly onGap: (gap: Gap) => void;
  readonly onShed?: (shed: Shed) => void;
  /** Exactly once, with null after `unsubscribe()` or `close()`. */
  readonly onEnd: (error: unknown) => void;
}

/** Where a subscription began. */
export interface SubscriptionStart {
  /** Resume token of the start: from there on nothing is missing. */
  readonly token: string;
  readonly channel: string;
  /** The filter in canonical form. */
  readonly filter: string;
  readonly partitions: number;
  readonly replaying: boolean;
}

/**
 * What the library itself has to know is right; the rest is the edge's to judge.
 *
 * @returns most events to hold
 * @throws MdsError `MDS_TOKEN_CORRUPT` or `MDS_REQUEST_INVALID`
 */
export function checkedBuffer<T>(options: SubscribeOptions<T>): number {
  const { bufferEvents = DEFAULT_BUFFER_EVENTS, resume, store } = options;
  const problems: string[] = [];
  if (!Number.isSafeInteger(bufferEvents) || bufferEvents < 1) {
    problems.push('bufferEvents must be a whole number of at least 1');
  }
  if (store !== undefined && resume !== undefined) problems.push('a store loads the token, so resume cannot be given');
  if (problems.length > 0) throw new MdsError('MDS_REQUEST_INVALID', { problems });
  if (resume !== undefined) decodeResumeToken(resume);
  return bufferEvents;
}

/** @param resume where to continue; undefined: now */
export function subscribeMessage<T>(
  id: string,
  options: SubscribeOptions<T>,
  resume: string | undefined,
): SubscribeMessage {
  const { topic, filter, fields, overflow, key, maxRate } = options;
  return {
    type: 'subscribe',
    id,
    topic,
    ...(filter === undefined ? {} : { filter }),
    ...(fields === undefined ? {} : { fields }),
    ...(resume === undefined ? {} : { resume }),
    ...(overflow === undefined ? {} : { overflow }),
    ...(key === undefined ? {} : { key }),
    ...(maxRate === undefined ? {} : { maxRate }),
  };
}
