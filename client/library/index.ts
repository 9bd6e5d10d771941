// The client library: `connect` to the service, subscribe to topics, iterate over events. Runs in browsers and in Node 22,
// from this one entry, with nothing else to install.

import type { ConnectOptions } from './connect-options.ts';
import { MdsClient } from './mds-client.ts';

export { MdsError, type MdsErrorCode } from '../../schemas/errors.ts';
export type { AvroDatum } from '../../schemas/frames-avro.ts';
export type { NackOptions } from './acknowledgements.ts';
export type { AvroDecoder, AvroOptions } from './avro-decoding.ts';
export type { ClientState, ConnectOptions } from './connect-options.ts';
export type { EventFormat } from './connection.ts';
export type { Credential } from './credential.ts';
export { type AggregateOptions, DataClient, type LatestOptions, type RecentOptions } from './data.ts';
export type {
  ConsumeOptions,
  Delivery,
  DeliveryBatch,
  DurableHandlers,
  DurableStart,
  DurableState,
} from './durable-options.ts';
export type { DurableSubscription } from './durable-subscription.ts';
export type { EventBatch, EventCursor, FrameTimes, Gap, ReceivedEvent, Shed, ShedCounts } from './events.ts';
export type { MdsClient } from './mds-client.ts';
export type { Store } from './store.ts';
export type { Subscription } from './subscription.ts';
export type {
  SubscribeOptions,
  SubscriptionHandlers,
  SubscriptionStart,
  SubscriptionState,
} from './subscription-options.ts';

/**
 * Connects, and stays connected: the client reconnects by itself and resumes every subscription where it was.
 *
 * ```ts
 * const client = connect({ api: 'http://127.0.0.1:9400' });
 * const alerts = client.subscribe({ topic: 'host.metrics', filter: 'severity >= WARNING' });
 * for await (const { data, cursor } of alerts) console.log(cursor, data);
 * ```
 * @throws MdsError `MDS_REQUEST_INVALID` unless exactly one of url(s) and api is given
 */
export const connect = (options: ConnectOptions): MdsClient => new MdsClient(options);
