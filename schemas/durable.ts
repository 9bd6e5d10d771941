// Durable subscriptions as processes tell each other about them through Redis. Postgres holds the definitions and, some
// seconds old, the states; Redis holds the states as they are; the edge that leads a shard holds what is in flight.
//
//   durables                      hash: id → DurableDefinition           written by the control plane from Postgres
//   durables-complete             exists while `durables` has all of them, not when Redis was restarted and is being filled
//   durable:{id}:consumers        hash: consumer → DurableConsumer       written by edges; entries expire by `seenMs`
//   durable:{id}:shard:{n}        hash: owner (ShardOwner), epoch, leaseUntilMs, state (ShardState)
//                                 `state` is put there first by the control plane; then written by the owner, fenced
//   durable:{id}:redrive:{n}      hash: wire cursor → RedriveState       control plane asks, the shard's owner answers
//   durable:{id}:trail            stream: field `entry`: TrailEntry      what happened to which cursors, for `mds why`
//   ledger:{id}:{minute}          hash: {shard}.{epoch}.{count} → n      absolute numbers, so that writing twice is harmless
//   dead-letters                  list: DeadLetterRequest                taken by any stream worker
//   notify:durables               pub/sub: id of a subscription of which something changed
//
// A shard is a share of the subscription by key: one shard unless it has a consumer group. Each shard has a position of its
// own and at most one owner, an edge on behalf of one consumer. Every write of an owner names its epoch and is refused when
// the epoch has moved on. Times in Redis are Redis' own (TIME), so that clocks of edges do not matter.

import { type Static, Type } from 'typebox';

/** An owner that has not renewed its lease for this long may be replaced. */
export const SHARD_LEASE_MS = 6000;
/** Owners renew leases and consumers show themselves this often. */
export const SHARD_RENEW_MS = 1000;
/** A consumer that has not been seen for this long no longer counts. */
export const CONSUMER_TTL_MS = 5000;
/** Events whose fate is remembered in `trail`, about: entries hold many. */
export const TRAIL_ENTRIES = 10_000;
/** Minutes of the ledger that stay in Redis; older ones are in Postgres. */
export const LEDGER_MINUTES = 120;

const Count = Type.Integer({ minimum: 0 });
/** [partition, offset, index] */
const EventCursor = Type.Tuple([Count, Type.Integer({ minimum: -1 }), Count]);

/** How many of each thing happened; the counts of a ledger minute. */
export const LEDGER_COUNTS = [
  /** Matched by the filter, met for the first time. */
  'matched',
  /** Given to a client, first attempts. */
  'sent',
  'acknowledged',
  /** Given to a client again. */
  'redelivered',
  'negative',
  'deadLettered',
  /** Records that Kafka no longer had; which of their events would have matched, nobody knows. */
  'expired',
  /** In flight when a seek went forward over them; what it skipped besides was never met. */
  'skipped',
] as const;
export type LedgerCount = (typeof LEDGER_COUNTS)[number];

export const DurableDefinition = Type.Object({
  id: Type.String(),
  tenant: Type.String(),
  name: Type.String(),
  topicId: Count,
  /** What is mandatory, and what was asked for, in one; empty: every event. */
  filter: Type.String(),
  /** What the grants of its maker demanded: whoever consumes it must be bound by nothing else (`mayReadThrough`). */
  mandatoryFilter: Type.Optional(Type.String()),
  fields: Type.Union([Type.Array(Type.String()), Type.Null()]),
  state: Type.Union([Type.Literal('active'), Type.Literal('paused')]),
  ackTimeoutMs: Count,
  /** Wait before attempt n+1: base × 2^(n-1), at most max, with jitter of half of it. */
  backoffBaseMs: Count,
  backoffMaxMs: Count,
  maxAttempts: Count,
  /** For each shard. */
  maxInFlight: Count,
  /** Null: one active consumer. Otherwise the work is shared: events with equal values of `key` go to the same shard. */
  group: Type.Union([Type.Object({ key: Type.Array(Type.String(), { minItems: 1 }), shards: Count }), Type.Null()]),
  /** Where it was last put by its maker or by a seek; a shard whose state has a lower `revision` begins there anew. */
  seek: Type.Object({ revision: Count, position: Type.Array(EventCursor) }),
  /** Grows with every change of the definition. */
  revision: Count,
});
export type DurableDefinition = Static<typeof DurableDefinition>;

export const DurableConsumer = Type.Object({
  consumer: Type.String(),
  edgeId: Type.String(),
  /** Of the edge; with `consumer` it names one connection's part. */
  connection: Type.String(),
  /** When it first came, by Redis' clock; the longest present is the active one. */
  joinedMs: Count,
  /** When this connection of it came: of two with one name the later one counts. */
  connectedMs: Count,
  seenMs: Count,
});
export type DurableConsumer = Static<typeof DurableConsumer>;

/** The consumer on whose behalf an edge owns a shard; as the text of the field `owner`. */
export const ShardOwner = Type.Object({ consumer: Type.String(), edgeId: Type.String(), connection: Type.String() });
export type ShardOwner = Static<typeof ShardOwner>;

/** [partition, offset, index, attempts] */
const AttemptedEvent = Type.Tuple([Count, Count, Count, Count]);

/**
 * Where a shard stands. Everything at or before `floor` is settled: acknowledged, dead-lettered, or never matched.
 *
 *   settled ┤floor      settled, but for those in `attempts`      taken├      not met yet
 *
 * So the state is as long as what is in flight, however far the consumer went on beside an event that keeps failing.
 */
export const ShardState = Type.Object({
  seekRevision: Count,
  /** A partition that is missing stands at its beginning. */
  floor: Type.Array(EventCursor),
  /** Further settled single events behind the floor. */
  settled: Type.Array(EventCursor),
  /** How far the shard's events were met; absent: to the floor. */
  taken: Type.Optional(Type.Array(EventCursor)),
  /** Events up to `taken` that are not settled, with the attempts made so far; an event behind it has had none. */
  attempts: Type.Array(AttemptedEvent),
  /** Settled events that are being delivered again at an operator's wish. */
  redriven: Type.Optional(Type.Array(AttemptedEvent)),
});
export type ShardState = Static<typeof ShardState>;

export const RedriveState = Type.Object({
  /** `wanted` by an operator; then the owner says what became of it. */
  state: Type.Union([Type.Literal('wanted'), Type.Literal('acknowledged'), Type.Literal('deadLettered')]),
  /** Of this redrive; the answer repeats it. */
  deadLetterId: Type.String(),
  /** With `deadLettered`: attempts made in this redrive, and why the last one failed. */
  attempts: Type.Optional(Count),
  reason: Type.Optional(Type.String()),
});
export type RedriveState = Static<typeof RedriveState>;

/** One thing that happened to some events of one partition. */
export const TrailEntry = Type.Object({
  atMs: Count,
  shard: Count,
  epoch: Count,
  what: Type.Union([
    Type.Literal('sent'),
    Type.Literal('redelivered'),
    Type.Literal('acknowledged'),
    Type.Literal('negative'),
    Type.Literal('deadLettered'),
    Type.Literal('expired'),
    Type.Literal('skipped'),
    Type.Literal('redriven'),
  ]),
  consumer: Type.String(),
  edgeId: Type.String(),
  partition: Count,
  /** Cursors as [offset, index]; for `expired` and `skipped`: the range (first, last]. */
  cursors: Type.Array(Type.Tuple([Type.Integer({ minimum: -1 }), Count])),
  reason: Type.Optional(Type.String()),
});
export type TrailEntry = Static<typeof TrailEntry>;

/**
 * Asks any stream worker to write an event of a durable subscription to the tenant's dead-letter topic. Asked again until
 * the worker has put the cursor into `durable:{id}:dead:{shard}`; the reader of dead letters knows repeated ones by
 * (subscription, cursor, attempts).
 */
export const DeadLetterRequest = Type.Object({
  subscription: Type.String(),
  subscriptionName: Type.String(),
  shard: Count,
  topicId: Count,
  cursor: EventCursor,
  attempts: Count,
  /** The error code or the consumer's own words. */
  reason: Type.String(),
  consumer: Type.String(),
});
export type DeadLetterRequest = Static<typeof DeadLetterRequest>;

/** @param prefix as for `redisKeys` */
export const durableKeys = (prefix: string) => ({
  definitions: `${prefix}:durables`,
  definitionsComplete: `${prefix}:durables-complete`,
  consumers: (id: string) => `${prefix}:durable:${id}:consumers`,
  shard: (id: string, shard: number) => `${prefix}:durable:${id}:shard:${shard}`,
  redrive: (id: string, shard: number) => `${prefix}:durable:${id}:redrive:${shard}`,
  dead: (id: string, shard: number) => `${prefix}:durable:${id}:dead:${shard}`,
  trail: (id: string) => `${prefix}:durable:${id}:trail`,
  /** @param minute minutes since 1970 */
  ledger: (id: string, minute: number) => `${prefix}:ledger:${id}:${minute}`,
  deadLetters: `${prefix}:dead-letters`,
  notify: `${prefix}:notify:durables`,
});
export type DurableKeys = ReturnType<typeof durableKeys>;

/** A cursor as the field of a hash. */
export const cursorField = (partition: number, offset: number, index: number): string =>
  `${partition}/${offset}/${index}`;
