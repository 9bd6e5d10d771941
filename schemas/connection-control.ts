// What the control plane asks edges about their clients, and what they answer, by pub/sub. Nothing is kept in Redis: an edge
// that hears no question answers none, and whoever asked names it as missing.
//
//   connections:ask             ConnectionQuestion: to all edges; each looks whether it is meant
//   connections:told:{asker}    ConnectionAnswer: to the control plane that asked

import { type Static, Type } from 'typebox';

export const connectionKeys = (prefix: string) => ({
  ask: `${prefix}:connections:ask`,
  told: (controlPlaneId: string) => `${prefix}:connections:told:${controlPlaneId}`,
});
export type ConnectionKeys = ReturnType<typeof connectionKeys>;

const Count = Type.Integer({ minimum: 0 });
const Milliseconds = Type.Integer({ minimum: 0, description: 'ms since 1970.' });
const MillisecondsOrNull = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]);
const LatencyOrNull = Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
  description:
    "From the Kafka timestamp of the oldest record in a frame to the frame's sending; null: nothing was sent.",
});

export const SubscriptionView = Type.Object({
  id: Type.String({ description: 'As the client named it.' }),
  kind: Type.Enum(['shared', 'overflow', 'durable'], {
    description:
      'shared: gets the frames of its channel; overflow: has a policy or a rate of its own; durable: acknowledges.',
  }),
  topic: Type.String({ description: 'Empty: not found yet.' }),
  filter: Type.String({ description: 'With what the grants of its identity demand; empty: every event.' }),
  channel: Type.String({ description: 'Equal subscriptions share one.' }),
  state: Type.String({ description: 'joining, replaying, live, waiting or paused.' }),
  deliveredEvents: Type.Integer({ minimum: 0, description: 'Given to the client since it subscribed.' }),
  droppedEvents: Type.Integer({ minimum: 0, description: 'Left out, as its overflow policy says.' }),
  conflatedEvents: Type.Integer({ minimum: 0, description: 'A later event of the same key came instead.' }),
  inFlightEvents: Type.Integer({ minimum: 0, description: 'Delivered and not acknowledged; of durable ones only.' }),
  latencyMs: LatencyOrNull,
});
export type SubscriptionView = Static<typeof SubscriptionView>;

const slowness = {
  worstBufferedBytes: Type.Integer({ minimum: 0, description: 'Most that was unread at once, as far as was seen.' }),
  behindSinceMs: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
    description: 'ms since 1970; null: it has read everything.',
  }),
};

export const ConnectionSummary = Type.Object({
  id: Type.String({ description: 'Edge and number: edge-1-4f2a90/17.' }),
  edgeId: Type.String(),
  number: Count,
  tenant: Type.String(),
  subject: Type.String({ description: 'Which key or token it came with; never the secret.' }),
  peer: Type.String({ description: 'Network address of the client.' }),
  door: Type.String({ description: 'websocket, sse…' }),
  format: Type.String({ description: 'json or avro.' }),
  openedAtMs: Milliseconds,
  subscriptions: Count,
  topics: Type.Array(Type.String()),
  bufferedBytes: Type.Integer({ minimum: 0, description: 'Sent to it and not read yet.' }),
  sentBytes: Count,
  deliveredEvents: Type.Integer({ minimum: 0, description: 'Of the subscriptions that it has now.' }),
  latencyMs: LatencyOrNull,
  ...slowness,
});
export type ConnectionSummary = Static<typeof ConnectionSummary>;

/** 64: more topics on one connection than anybody lists; the subscriptions of a connection say the rest. */
export const MAX_SHOWN_TOPICS = 64;
/** As many subscriptions of one connection are shown; a connection may have some more. */
export const MAX_SHOWN_SUBSCRIPTIONS = 500;

export const ConnectionDetail = Type.Object({
  ...ConnectionSummary.properties,
  droppedEvents: Count,
  conflatedEvents: Count,
  shown: Type.Array(SubscriptionView, { description: `Its subscriptions, at most ${MAX_SHOWN_SUBSCRIPTIONS}.` }),
});
export type ConnectionDetail = Static<typeof ConnectionDetail>;

export const ConnectionFilter = Type.Object({
  /** Absent: of all tenants. */
  tenant: Type.Optional(Type.String()),
  subject: Type.Optional(Type.String()),
  topic: Type.Optional(Type.String()),
  /** Only those that have not read everything. */
  slow: Type.Optional(Type.Boolean()),
});
export type ConnectionFilter = Static<typeof ConnectionFilter>;

/** One connection, of one tenant when the asker may see only that. */
const One = { number: Count, tenant: Type.Union([Type.String(), Type.Null()]) };

export const ConnectionAsk = Type.Union([
  Type.Object({
    kind: Type.Literal('list'),
    filter: ConnectionFilter,
    /** Only those behind it, in order of edges and numbers. */
    after: Type.Union([Type.Object({ edgeId: Type.String(), number: Count }), Type.Null()]),
    limit: Count,
  }),
  Type.Object({ kind: Type.Literal('show'), ...One }),
  Type.Object({ kind: Type.Literal('disconnect'), ...One, mayResume: Type.Boolean() }),
  Type.Object({ kind: Type.Literal('disconnect-all'), filter: ConnectionFilter, mayResume: Type.Boolean() }),
]);
export type ConnectionAsk = Static<typeof ConnectionAsk>;

export const ConnectionQuestion = Type.Object({
  requestId: Type.String(),
  replyTo: Type.String(),
  edgeIds: Type.Array(Type.String(), { description: 'Who is asked.' }),
  ask: ConnectionAsk,
});
export type ConnectionQuestion = Static<typeof ConnectionQuestion>;

export const ConnectionAnswer = Type.Object({
  requestId: Type.String(),
  edgeId: Type.String(),
  items: Type.Array(ConnectionSummary),
  detail: Type.Union([ConnectionDetail, Type.Null()]),
  disconnected: Count,
});
export type ConnectionAnswer = Static<typeof ConnectionAnswer>;

/** A slow one has been behind for at least a moment: every busy client is for some milliseconds. */
export const isSlow = ({ behindSinceMs }: { readonly behindSinceMs: Static<typeof MillisecondsOrNull> }): boolean =>
  behindSinceMs !== null;
