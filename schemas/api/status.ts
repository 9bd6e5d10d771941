// What GET /v1/status, /v1/workers and /v1/edges show: processes, ownership, lag and rates of the whole service.

import { type Static, Type } from 'typebox';
import { EdgeHeartbeat, WorkerHeartbeat } from '../coordination.ts';
import { listOf } from './paging.ts';

const Count = Type.Integer({ minimum: 0 });
const Rate = Type.Number({ minimum: 0 });
const RateOrNull = Type.Union([Rate, Type.Null()]);

export const PartitionStatus = Type.Object({
  partition: Count,
  workerId: Type.Union([Type.String(), Type.Null()], { description: 'null: nobody owns it at the moment.' }),
  epoch: Count,
  nextOffset: Type.Union([Type.Integer({ minimum: -1 }), Type.Null()], {
    description: 'Offset that will be read next; null when no worker reports it.',
  }),
  lagRecords: Type.Union([Count, Type.Null()], { description: 'Records not read yet; null when not known.' }),
});
export type PartitionStatus = Static<typeof PartitionStatus>;

export const TopicStatus = Type.Object({
  topicId: Count,
  name: Type.String(),
  tenant: Type.String(),
  partitions: Type.Array(PartitionStatus),
});
export type TopicStatus = Static<typeof TopicStatus>;

export const Totals = Type.Object({
  eventsInPerSecond: Rate,
  deliveriesPerSecond: Rate,
  latencyP50Ms: RateOrNull,
  latencyP99Ms: RateOrNull,
  connections: Count,
  subscriptions: Count,
  lagRecords: Count,
});
export type Totals = Static<typeof Totals>;

export const Reliability = Type.Object(
  {
    windowMinutes: Count,
    target: Type.Number({ description: 'Delivery ratio that is promised.' }),
    ranges: Count,
    exactRanges: Count,
    expectedEvents: Count,
    deliveredEvents: Count,
    missingEvents: Count,
    unexpectedEvents: Count,
    unjudgedRanges: Count,
    deliveryRatio: Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()], {
      description: 'Delivered of expected events; null while nothing was expected.',
    }),
    score: Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()], {
      description: 'Ranges that were delivered exactly, of all that were judged; null while none was.',
    }),
    isMet: Type.Union([Type.Boolean(), Type.Null()]),
  },
  { description: 'From samples of what edges gave out, judged by reading their ranges from Kafka again.' },
);
export type Reliability = Static<typeof Reliability>;

export const ServiceStatus = Type.Object({
  version: Type.String(),
  leader: Type.Object({ id: Type.Union([Type.String(), Type.Null()]) }),
  workers: Type.Array(WorkerHeartbeat),
  edges: Type.Array(EdgeHeartbeat),
  topics: Type.Array(TopicStatus),
  totals: Totals,
  reliability: Reliability,
  problems: Type.Array(Type.String(), {
    description: 'What this answer lacks or what is wrong; empty when all is well.',
  }),
});
export type ServiceStatus = Static<typeof ServiceStatus>;

export const EdgeSummary = Type.Object({
  edgeId: Type.String(),
  clientUrl: Type.String(),
  state: EdgeHeartbeat.properties.state,
  connections: Count,
  evacuation: EdgeHeartbeat.properties.evacuation,
});
export type EdgeSummary = Static<typeof EdgeSummary>;

export const EdgeList = listOf(EdgeSummary);
export type EdgeList = Static<typeof EdgeList>;
