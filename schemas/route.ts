// Routes: from one topic to another, the events that match, each exactly once. Definitions go from the control plane
// (Postgres) to the stream workers through Redis; what workers say of them comes back the same way.
//
//   routes               hash: route id → RouteDefinition
//   route-status:{id}    hash: worker id → RouteStatus, written every few seconds by each worker that runs the route
//   notify:routes        pub/sub: "look now"

import { type Static, Type } from 'typebox';

const Count = Type.Integer({ minimum: 0 });

export const RouteDefinition = Type.Object({
  routeId: Type.String(),
  name: Type.String(),
  topicId: Count,
  kafkaTopic: Type.String(),
  targetTopicId: Count,
  targetKafkaTopic: Type.String(),
  /** A Plan of format `avro`, read by whoever compiles it. */
  plan: Type.Unknown(),
  /** [partition, offset]: where the route begins; a partition that is missing begins at its first record. */
  start: Type.Array(Type.Tuple([Count, Count])),
});
export type RouteDefinition = Static<typeof RouteDefinition>;

export const RouteStatus = Type.Object({
  workerId: Type.String(),
  atMs: Count,
  state: Type.Union([Type.Literal('running'), Type.Literal('failing')]),
  /** Why it fails, in a sentence; null while it runs. */
  error: Type.Union([Type.String(), Type.Null()]),
  partitions: Type.Array(Count),
  /** Since this worker began with the route. */
  readRecords: Count,
  forwardedEvents: Count,
});
export type RouteStatus = Static<typeof RouteStatus>;

/** A worker that has said nothing for this long does not run the route any more. */
export const ROUTE_STATUS_TTL_MS = 10_000;

/** @param prefix as for `redisKeys` */
export const routeKeys = (prefix: string) => ({
  definitions: `${prefix}:routes`,
  status: (routeId: string) => `${prefix}:route-status:${routeId}`,
  notify: `${prefix}:notify:routes`,
});
export type RouteKeys = ReturnType<typeof routeKeys>;

/** Kafka group under which a route's offsets are committed, together with what it wrote. */
export const routeGroupOf = (prefix: string, routeId: string): string => `${prefix}-route-${routeId}`;
