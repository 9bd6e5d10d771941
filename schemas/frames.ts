// The messages of WebSocket subprotocol mds.v1.json, in both directions. frame-reader.ts reads them. Runs in browsers too.
// Every message is one JSON object with a `type`. A cursor travels as [offset, index].
//
//   client                                edge
//     │ ◀───────────── authenticate {within}   while authentication is on and no credential came with the upgrade
//     │ auth {credential} ───────────────▶ │
//     │ ◀──────────────────────── welcome  │
//     │ subscribe {id, topic, filter} ───▶ │
//     │ ◀── subscribed {id, channel, position}   from `position` on nothing is missing
//     │ ◀── events {channel, …}            │   (with `resume`: events {sub: id, …} first, then live {id})
//     │ ◀── position {id, token}           │   now and then, so that a quiet subscription's token stays young
//
//     │ consume {id, subscription} ──────▶ │   takes part in a durable subscription
//     │ ◀── consuming {id, state, shards}  │   again whenever one of them changes
//     │ ◀── events {sub: id, attempts, …}  │   each one again, later, until it is acknowledged
//     │ ack / nack {id, seq, …} ─────────▶ │
//     │ ◀── acked {id, seq}                │   stored: these acknowledgements outlive every process
//
//     │ auth {credential} ───────────────▶ │   a new credential of the same owner, before the old one expires
//     │ ◀── authenticated {expiresInMs}    │   nothing that goes on is disturbed
//
// A credential is an API key or a token. It may come with the upgrade instead: as `Authorization: Bearer …`, or, from a
// browser, as a subprotocol `mds.auth.<base64url of it>` offered beside the one to speak, which the edge never picks. Until it
// is accepted nothing else is answered but with MDS_UNAUTHENTICATED. One that is refused, at any time, closes with 4504 (final);
// one that runs out closes with 4006 (resumable: connect with a new one); another owner's is refused with an error alone.

import type { MdsErrorCode } from './errors.ts';

export const SUBPROTOCOL_JSON = 'mds.v1.json';
/** The same, except that `events` frames are binary and carry raw Avro: schemas/frames-avro.ts. */
export const SUBPROTOCOL_AVRO = 'mds.v1.avro';

/** Offered beside one of those: carries a credential, base64url without padding. */
export const SUBPROTOCOL_AUTH_PREFIX = 'mds.auth.';

export type WireCursor = readonly [offset: number, index: number];
/** Where an event is in its topic. */
export type WireEventCursor = readonly [partition: number, offset: number, index: number];

/**
 * What happens when a client does not keep up. `resume`: it is closed and resumes where it was. `latest`: events wait for
 * it, of equal `key` only the latest. `drop`: what it has no room for is left out. What is left out is counted in `shed`.
 */
export const OVERFLOW_POLICIES = ['resume', 'latest', 'drop'] as const;
export type OverflowPolicy = (typeof OVERFLOW_POLICIES)[number];

export interface SubscribeMessage {
  readonly type: 'subscribe';
  /** Chosen by the client, unique in the connection. */
  readonly id: string;
  readonly topic: string;
  /** CEL; absent or empty: every event. */
  readonly filter?: string;
  /** Projection: field paths to keep; absent: all. */
  readonly fields?: readonly string[];
  /** Token of an earlier subscription to the same topic: everything behind it comes first. */
  readonly resume?: string;
  /** Default: `resume`. */
  readonly overflow?: OverflowPolicy;
  /** Field paths whose values together are the key of conflation; needed by `latest`, and by `maxRate` with `latest`. */
  readonly key?: readonly string[];
  /** Most events a second; what comes faster waits and is conflated by `key` (`latest`) or left out (`drop`). */
  readonly maxRate?: number;
}
/** Takes part in a durable subscription, as its only active consumer, as one that stands by, or as a member of its group. */
export interface ConsumeMessage {
  readonly type: 'consume';
  /** Chosen by the client, unique in the connection. */
  readonly id: string;
  /** Id or name of the durable subscription. */
  readonly subscription: string;
  /** Names this consumer over reconnects: a newer connection with the same name takes over from the older at once. */
  readonly consumer: string;
  /** Most events that may be unacknowledged; at most what the subscription allows. */
  readonly maxInFlight?: number;
}
/** Events that are done. Acknowledging twice, or what was never delivered, changes nothing. */
export interface AckMessage {
  readonly type: 'ack';
  readonly id: string;
  /** Answered by `acked` with this number once it is stored; grows with each message of the subscription. */
  readonly seq?: number;
  /**
   * Of each partition named: every event up to this one that was delivered before it, unless it was negatively
   * acknowledged. Not with several shards, whose deliveries overtake each other: there only `cursors` are exact.
   */
  readonly upTo?: readonly WireEventCursor[];
  /** Single events. */
  readonly cursors?: readonly WireEventCursor[];
}
/** Events that failed: delivered again, or dead-lettered after the last attempt. */
export interface NackMessage {
  readonly type: 'nack';
  readonly id: string;
  readonly seq?: number;
  readonly cursors: readonly WireEventCursor[];
  /** Shown with the dead letter. */
  readonly reason?: string;
  /** Not before this; default: the subscription's backoff. */
  readonly delayMs?: number;
}
export interface UnsubscribeMessage {
  readonly type: 'unsubscribe';
  readonly id: string;
}
/** Says who the client is: first thing, or again in the middle. Messages behind it are handled when it is answered. */
export interface AuthMessage {
  readonly type: 'auth';
  /** An API key or a token, without `Bearer`. */
  readonly credential: string;
  readonly id?: undefined;
}
export interface PingMessage {
  readonly type: 'ping';
  readonly id?: string;
}
export type ClientMessage =
  | AuthMessage
  | SubscribeMessage
  | ConsumeMessage
  | AckMessage
  | NackMessage
  | UnsubscribeMessage
  | PingMessage;

/** Who the client is to the edge. */
export interface ShownIdentity {
  readonly tenant: string;
  readonly subject: string;
  /** Counted from when the frame was sent, since clocks differ; null: it does not expire by itself. */
  readonly expiresInMs: number | null;
}

/** Nothing is served before the client has sent `auth`. */
export interface AuthenticateFrame {
  readonly type: 'authenticate';
  readonly withinMs: number;
}
/** A new credential was accepted, and stands from now on. */
export interface AuthenticatedFrame extends ShownIdentity {
  readonly type: 'authenticated';
}
export interface WelcomeFrame {
  readonly type: 'welcome';
  readonly connection: string;
  readonly edge: string;
  readonly heartbeatMs: number;
  readonly limits: {
    readonly subscriptions: number;
    readonly messageBytes: number;
    readonly messagesPerSecond: number;
  };
  /** Absent while authentication is off. */
  readonly identity?: ShownIdentity;
}
export interface SubscribedFrame {
  readonly type: 'subscribed';
  readonly id: string;
  /**
   * Shared frames name the channel, not the subscription: equal subscriptions have the same. Empty when shared frames do not
   * concern this subscription, because it has a policy other than `resume`: all of its frames name it in `sub`.
   */
  readonly channel: string;
  readonly topic: string;
  /** The filter in canonical form. */
  readonly filter: string;
  /**
   * Resume token of the subscription's start. Without `resume` it is where live delivery begins; with `resume` it is the
   * token's own position, completed with the partitions it did not know.
   */
  readonly position: string;
  readonly partitions: number;
  /** True when a replay comes first and `live` will say when it is done. */
  readonly replaying: boolean;
}
export interface EventsFrame {
  readonly type: 'events';
  readonly channel: string;
  /**
   * Set when the frame is for one subscription only; such a frame does not concern others of the channel. From then on
   * the channel's shared frames are not for this one, until `live` (a repeated `subscribed` says the same beforehand).
   */
  readonly sub?: string;
  readonly partition: number;
  /** Exclusive. Frames of one (subscription, partition) need not touch: between them nothing matched. */
  readonly from: WireCursor;
  /** Inclusive: after this frame the subscription has come to here. */
  readonly to: WireCursor;
  /** [Kafka timestamp of the oldest record, worker published, edge sent]; ms since 1970. */
  readonly times: readonly [recordMs: number, publishedMs: number, sentMs: number];
  readonly events: readonly WireEvent[];
  /** Durable subscriptions only: which delivery of each event this is, from 1; absent: all are first ones. */
  readonly attempts?: readonly number[];
}
export interface WireEvent {
  readonly at: WireCursor;
  readonly data: unknown;
}
/** The replay of this subscription is complete: from now on the channel's shared frames are for it too. */
export interface LiveFrame {
  readonly type: 'live';
  readonly id: string;
}
/** How far a quiet subscription has come, as a token: everything matching up to here has been sent. */
export interface PositionFrame {
  readonly type: 'position';
  readonly id: string;
  readonly token: string;
}
/** A range this subscription will never get, and why. Delivery goes on behind it. */
export interface GapFrame {
  readonly type: 'gap';
  readonly id: string;
  readonly partition: number;
  readonly from: WireCursor;
  readonly to: WireCursor;
  readonly code: MdsErrorCode;
  readonly message: string;
}
/** Part of a durable subscription that this consumer has: events come only from its shards. */
export interface ConsumingFrame {
  readonly type: 'consuming';
  readonly id: string;
  /** Id and name of the durable subscription. */
  readonly subscription: string;
  readonly name: string;
  readonly topic: string;
  readonly filter: string;
  /** `standby`: another consumer is active, this one takes over when it goes. `paused`: somebody paused the subscription. */
  readonly state: 'active' | 'standby' | 'paused';
  /** Of `shardCount`; one shard in all unless the subscription has a consumer group. */
  readonly shards: readonly number[];
  readonly shardCount: number;
  readonly ackTimeoutMs: number;
  readonly maxInFlight: number;
  /** Grows with each seek: what was acknowledged before may be wanted again, so the client forgets that it has it. */
  readonly seekRevision?: number;
}
/** All acknowledgements of the subscription up to this number are stored. */
export interface AckedFrame {
  readonly type: 'acked';
  readonly id: string;
  readonly seq: number;
}
/**
 * Matching events in (from, to] that this subscription will not get, as its own policy says. Moves no position: the events
 * frame of the same range follows, with what is left of it, and together they account for each event in it.
 */
export interface ShedFrame {
  readonly type: 'shed';
  readonly id: string;
  readonly partition: number;
  readonly from: WireCursor;
  readonly to: WireCursor;
  readonly count: number;
  /** `dropped`: left out; `conflated`: a later event of the same key came instead. */
  readonly reason: 'dropped' | 'conflated';
}
export interface UnsubscribedFrame {
  readonly type: 'unsubscribed';
  readonly id: string;
}
export interface PongFrame {
  readonly type: 'pong';
  readonly id?: string;
}
export interface ErrorFrame {
  readonly type: 'error';
  /** The subscription or ping it answers; absent when it concerns the connection. */
  readonly id?: string;
  readonly code: MdsErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
}
/** The edge will close this connection: connect again after `reconnectAfterMs`, to another edge where there is one. */
export interface GoodbyeFrame {
  readonly type: 'goodbye';
  readonly code: MdsErrorCode;
  readonly message: string;
  readonly reconnectAfterMs: number;
  /** Other edges, best first; may be empty. */
  readonly edges: readonly string[];
}
export type ServerFrame =
  | AuthenticateFrame
  | AuthenticatedFrame
  | WelcomeFrame
  | SubscribedFrame
  | EventsFrame
  | LiveFrame
  | PositionFrame
  | GapFrame
  | ConsumingFrame
  | AckedFrame
  | ShedFrame
  | UnsubscribedFrame
  | PongFrame
  | ErrorFrame
  | GoodbyeFrame;
