// What processes tell each other through Redis: key names, messages and their readers. Nothing here is the only copy of
// anything: each key is written again by its owner until it is there.
//
//   worker:{id}, edge:{id}   heartbeats, expire by themselves      workers, edges     sets of ids to look them up by
//   assignment:{worker}      what the leader wants a worker to own  catalog            topic id → topic
//   interest:{edge}          channel → interest, `#seq` → last change
//   lane:{edge}              sharded pub/sub: envelopes             replay             list of replay requests
//   explain                  list of explain requests               explained:{id}     pub/sub: answers for a control plane
//   notify:*                 pub/sub: "look now" (every reader also looks by itself, now and then)

import { type Static, type TSchema, Type } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { MdsError, reasonOf } from './errors.ts';

/** 3 s: a process that has not shown itself for this long is replaced (DESIGN §2). */
export const HEARTBEAT_TTL_MS = 3000;
/** Six beats fit into one lifetime, so that a lost beat or two, or a slow garbage collection, kills nobody. */
export const HEARTBEAT_INTERVAL_MS = 500;
/** A lane without a message for this long is suspect; watermarks come several times as often. */
export const LANE_SILENCE_MS = 1000;
export const WATERMARK_INTERVAL_MS = 250;

/** @param prefix separates installations and test runs that share a Redis */
export const redisKeys = (prefix: string) => ({
  workers: `${prefix}:workers`,
  worker: (workerId: string) => `${prefix}:worker:${workerId}`,
  edges: `${prefix}:edges`,
  edge: (edgeId: string) => `${prefix}:edge:${edgeId}`,
  assignment: (workerId: string) => `${prefix}:assignment:${workerId}`,
  catalog: `${prefix}:catalog`,
  interest: (edgeId: string) => `${prefix}:interest:${edgeId}`,
  lane: (edgeId: string) => `${prefix}:lane:${edgeId}`,
  replay: `${prefix}:replay`,
  explain: `${prefix}:explain`,
  explained: (controlPlaneId: string) => `${prefix}:explained:${controlPlaneId}`,
  notifyInterest: `${prefix}:notify:interest`,
  notifyAssignment: `${prefix}:notify:assignment`,
  notifyHeartbeat: `${prefix}:notify:heartbeat`,
  notifyCatalog: `${prefix}:notify:catalog`,
});
export type RedisKeys = ReturnType<typeof redisKeys>;

/** Field of an interest hash that holds the sequence number of its last change. */
export const INTEREST_SEQ_FIELD = '#seq';

const Count = Type.Integer({ minimum: 0 });
const Rate = Type.Number({ minimum: 0 });

export const CatalogTopic = Type.Object({
  topicId: Count,
  tenant: Type.String(),
  name: Type.String(),
  kafkaTopic: Type.String(),
  deadLetterTopic: Type.String(),
  partitions: Count,
  /** Registry id and text (Avro JSON, self-contained) of the schema that filters are checked against. */
  schemaId: Count,
  schema: Type.String(),
  /** Registry id to write batch records of that schema with; absent in a catalog that an older control plane wrote. */
  batchSchemaId: Type.Optional(Count),
});
export type CatalogTopic = Static<typeof CatalogTopic>;

export const PartitionPlace = Type.Object({ topicId: Count, partition: Count });
export type PartitionPlace = Static<typeof PartitionPlace>;

export const PartitionGrant = Type.Object({
  topicId: Count,
  partition: Count,
  epoch: Count,
  /** Where its last owner has stopped. Absent: at the last commit. */
  startOffset: Type.Optional(Count),
});
export type PartitionGrant = Static<typeof PartitionGrant>;

export const Assignment = Type.Object({
  workerId: Type.String(),
  /** Grows with every change; a worker's heartbeat says which one it has applied. */
  revision: Count,
  partitions: Type.Array(PartitionGrant),
  /** What it is about to be granted, when its owner has let go: to be prepared. */
  next: Type.Optional(Type.Array(PartitionPlace)),
});
export type Assignment = Static<typeof Assignment>;

export const OwnedPartition = Type.Object({
  topicId: Count,
  partition: Count,
  epoch: Count,
  /** Offset that will be read next. */
  nextOffset: Type.Integer({ minimum: -1 }),
  /** Records in Kafka that have not been read yet. */
  lagRecords: Count,
});
export type OwnedPartition = Static<typeof OwnedPartition>;

/** A partition that was given back: everything before the offset is delivered and nothing behind it is under way. */
export const ReleasedPartition = Type.Object({ topicId: Count, partition: Count, epoch: Count, nextOffset: Count });
export type ReleasedPartition = Static<typeof ReleasedPartition>;

export const WorkerHeartbeat = Type.Object({
  workerId: Type.String(),
  host: Type.String(),
  pid: Count,
  httpUrl: Type.String(),
  startedAtMs: Count,
  state: Type.Union([Type.Literal('running'), Type.Literal('draining')]),
  assignmentRevision: Count,
  owned: Type.Array(OwnedPartition),
  /** Given back within the last seconds. */
  released: Type.Optional(Type.Array(ReleasedPartition)),
  /** Those of the assignment's `next` that it could begin at once. */
  prepared: Type.Optional(Type.Array(PartitionPlace)),
  eventsInPerSecond: Rate,
  recordsInPerSecond: Rate,
  bytesInPerSecond: Rate,
  rejectedRecords: Count,
  /** Share of the last interval that the busiest kernel thread worked, 0-1. */
  kernelBusyRatio: Rate,
  /** Why it is not ready; absent when it is. */
  notReady: Type.Optional(Type.Array(Type.String())),
});
export type WorkerHeartbeat = Static<typeof WorkerHeartbeat>;

/** How far an edge is with sending its clients away at an operator's wish. */
export const EvacuationProgress = Type.Object({
  startedAtMs: Count,
  clientsPerSecond: Rate,
  clientsAtStart: Count,
  /** Sent away since; how many are left is the edge's number of connections. */
  movedClients: Count,
  /** No other edge runs that could take them. */
  isWaiting: Type.Boolean(),
});
export type EvacuationProgress = Static<typeof EvacuationProgress>;

export const EdgeHeartbeat = Type.Object({
  edgeId: Type.String(),
  host: Type.String(),
  pid: Count,
  httpUrl: Type.String(),
  /** Where clients connect, ws:// or wss://. */
  clientUrl: Type.String(),
  startedAtMs: Count,
  state: Type.Union([Type.Literal('running'), Type.Literal('draining')]),
  connections: Count,
  subscriptions: Count,
  channels: Count,
  /** Events given to clients; one event to three clients is three. */
  deliveriesPerSecond: Rate,
  framesPerSecond: Rate,
  /** From the record's Kafka timestamp to the frame being sent, over the last 10 s; null when nothing was sent. */
  latencyP50Ms: Type.Union([Rate, Type.Null()]),
  latencyP99Ms: Type.Union([Rate, Type.Null()]),
  /** Why it is not ready; absent when it is. */
  notReady: Type.Optional(Type.Array(Type.String())),
  /** Only while an operator wants the edge to be empty. */
  evacuation: Type.Optional(EvacuationProgress),
});
export type EdgeHeartbeat = Static<typeof EdgeHeartbeat>;

/** One edge's wish for one channel. `plan` is a Plan (schemas/plan/plan.ts), read by whoever compiles it. */
export const Interest = Type.Object({
  channel: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  topicId: Count,
  /** New for each time the edge begins to want the channel; the joined notice repeats it. */
  generation: Count,
  plan: Type.Unknown(),
});
export type Interest = Static<typeof Interest>;

export const InterestChange = Type.Object({
  edgeId: Type.String(),
  /** One more than the last change of this edge; a reader that sees a jump reads the whole hash. */
  seq: Count,
  add: Type.Array(Interest),
  /** Channels no longer wanted. */
  remove: Type.Array(Type.Object({ channel: Type.String(), generation: Count })),
});
export type InterestChange = Static<typeof InterestChange>;

const WireCursor = Type.Tuple([Type.Integer({ minimum: -1 }), Count]);

/** One channel to run again. `plan` is a Plan, read by whoever compiles it. */
const ReplayedChannel = Type.Object({ channel: Type.String({ pattern: '^[0-9a-f]{32}$' }), plan: Type.Unknown() });

/** Asks any worker to run channels over ranges of Kafka again and to send the result on the edge's lane. */
export const ReplayRequest = Type.Object({
  edgeId: Type.String(),
  /** Unique in the edge; every envelope of the answer carries it. */
  requestId: Count,
  topicId: Count,
  /**
   * `interest`: every channel of the topic in the edge's interest, for a repair. The first envelope of each partition then
   * names in `joined` all channels that were run, with the generations of the interest they were taken from.
   */
  channels: Type.Union([Type.Array(ReplayedChannel, { minItems: 1 }), Type.Literal('interest')]),
  ranges: Type.Array(Type.Object({ partition: Count, from: WireCursor, to: WireCursor })),
  /** The worker stops behind the first record that makes the answer this long; the edge asks again from there. */
  maxBytes: Count,
  /** Not worth answering later than this, ms since 1970. */
  deadlineMs: Count,
});
export type ReplayRequest = Static<typeof ReplayRequest>;

const readers = new WeakMap<TSchema, Validator>();

/**
 * Reads one JSON text from Redis.
 *
 * @throws MdsError `MDS_COORDINATION_CORRUPT` with the first problem found
 */
export function readMessage<Schema extends TSchema>(schema: Schema, text: string): Static<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MdsError('MDS_COORDINATION_CORRUPT', { reason: reasonOf(error) }, { cause: error });
  }
  let reader = readers.get(schema);
  if (!reader) {
    reader = Compile(schema);
    readers.set(schema, reader);
  }
  if (!reader.Check(value)) {
    const [problem] = reader.Errors(value);
    throw new MdsError('MDS_COORDINATION_CORRUPT', { reason: `${problem?.instancePath} ${problem?.message}` });
  }
  return value as Static<Schema>; // checked above
}
