// What subscriptions and the client they belong to need from each other.

import type { MdsError } from '../../schemas/errors.ts';
import type { ClientMessage } from '../../schemas/frames.ts';
import type { AvroDecoding } from './avro-decoding.ts';
import type { Backoff } from './backoff.ts';
import type { FrameReceiver } from './frame-router.ts';
import type { Runtime } from './runtime.ts';

/** What a subscription needs from its client. */
export interface SubscriptionHost {
  readonly runtime: Runtime;
  readonly backoff: Backoff;
  /** What makes values of Avro events; null: they are handed out as they came. */
  readonly decoding: AvroDecoding | null;
  /** @throws MdsError `MDS_RATE_LIMITED` when too many messages wait to be sent */
  send(message: ClientMessage): void;
  connected(): boolean;
  /** The subscription has a new wire id or channel, or none. */
  route(subscription: HostedSubscription, wireId: string | null, channel: string | null): void;
  ended(subscription: HostedSubscription): void;
}

/** What the client needs from a subscription, of whatever kind. */
export interface HostedSubscription extends FrameReceiver {
  /** A connection is open: ask for it there. */
  attach(): void;
  /** The connection is gone. */
  detach(error: MdsError): void;
  /** The client can do no more. */
  fail(error: MdsError | null): void;
}
