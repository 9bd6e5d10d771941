// What a consumer of a durable subscription may ask for, and what it is handed.

import { MdsError } from '../../schemas/errors.ts';
import type { NackOptions } from './acknowledgements.ts';
import type { Gap, ReceivedEvent } from './events.ts';

/**
 * `standby`: another consumer is active, this one takes over when it goes; `paused`: somebody paused the subscription;
 * `connecting`: also whenever the connection was lost.
 */
export type DurableState = 'connecting' | 'standby' | 'active' | 'paused' | 'ended';

export interface ConsumeOptions {
  /** Id or name of the durable subscription. */
  readonly subscription: string;
  /**
   * Names this consumer: a newer one with the same name takes over from it at once, so that a restarted program need not
   * wait for its predecessor to be missed. Default: random, and the same through all reconnects.
   */
  readonly consumer?: string;
  /** Most events that are held and worked on here, and unacknowledged at the edge; at most what the subscription allows. */
  readonly maxInFlight?: number;
  /**
   * Iterating acknowledges each event (or batch) when the next one is asked for; leaving the loop does not acknowledge
   * the last one. Default: false; handlers acknowledge by themselves.
   */
  readonly autoAck?: boolean;
  /** Told of each range that Kafka no longer has; without it, iterating throws there and may go on behind it. */
  readonly onGap?: (gap: Gap) => void;
  /** `error` says why, when something went wrong. */
  readonly onState?: (state: DurableState, error: MdsError | null) => void;
}

/** One event, at least once until it is acknowledged. Of `ack` and `nack`, the first that is called counts. */
export interface Delivery<T> extends ReceivedEvent<T> {
  /** Which delivery of the event this is, from 1; by all consumers. */
  readonly attempt: number;
  /**
   * It is done and never comes again.
   *
   * @returns fulfilled when the service has stored that; rejected with `MDS_ACK_NOT_STORED` when another consumer took
   *   over meanwhile and may get the event again, with `MDS_CLIENT_CLOSED` when this one ended first
   */
  ack(): Promise<void>;
  /** It failed: it comes again later, and after the last attempt it goes to the dead letters. @returns as `ack` does */
  nack(options?: NackOptions): Promise<void>;
}

/** Events of one partition, in cursor order unless some of them come again. */
export interface DeliveryBatch<T> {
  readonly partition: number;
  readonly events: readonly Delivery<T>[];
  /** All of them that nothing was said about. */
  ack(): Promise<void>;
  nack(options?: NackOptions): Promise<void>;
}

export interface DurableHandlers<T> {
  /**
   * Fulfilled: the batch is acknowledged, except for events of which it was said otherwise; rejected: they are all negatively
   * acknowledged, with the error as reason. The next batch comes after that.
   */
  readonly onEvents: (batch: DeliveryBatch<T>) => void | Promise<void>;
  readonly onGap: (gap: Gap) => void;
  /** Exactly once, with null after `unsubscribe()` or `close()`. */
  readonly onEnd: (error: unknown) => void;
}

/** What the service said of the subscription. */
export interface DurableStart {
  readonly subscription: string;
  readonly name: string;
  readonly topic: string;
  /** The filter in canonical form. */
  readonly filter: string;
  readonly shardCount: number;
  readonly ackTimeoutMs: number;
  readonly maxInFlight: number;
}

/** @throws MdsError `MDS_REQUEST_INVALID` */
export function checkConsume({ subscription, maxInFlight }: ConsumeOptions): void {
  const problems: string[] = [];
  if (subscription === '') problems.push('subscription must be the id or name of a durable subscription');
  if (maxInFlight !== undefined && !(Number.isSafeInteger(maxInFlight) && maxInFlight > 0)) {
    problems.push('maxInFlight must be a whole number of at least 1');
  }
  if (problems.length > 0) throw new MdsError('MDS_REQUEST_INVALID', { problems });
}
