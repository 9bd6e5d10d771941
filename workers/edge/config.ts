// Configuration of the edge. Every default with its reason; docs/configuration.md is generated from here.

import { type Static, Type } from 'typebox';
import { commonConfig, identityConfig, redisConfig } from '../../platform/config.ts';

const MIB = 1_048_576;

export const EdgeConfig = Type.Object({
  ...commonConfig,
  ...identityConfig,
  ...redisConfig,
  httpPort: Type.Integer({
    default: 9412,
    minimum: 0,
    maximum: 65_535,
    description: 'Port of /healthz, /readyz and /metrics. 0 takes any free port.',
  }),
  edgePort: Type.Integer({
    default: 9411,
    minimum: 0,
    maximum: 65_535,
    description:
      'Port where clients connect (WebSocket at /v1/stream, SSE and long poll at /v1/topics/{topic}/events). 0 takes any free port.',
  }),
  edgeClientUrl: Type.String({
    default: '',
    description:
      'URL that clients use to reach this edge, told to clients of other edges when those drain. Default: ws://host:port/v1/stream.',
  }),
  edgeAllowedOrigins: Type.Array(Type.String(), {
    default: [],
    expected: 'a comma-separated list of origins, or *',
    description:
      'Web pages that may connect, besides pages served from loopback. Empty by default: no page elsewhere can use a user’s browser to read streams here.',
  }),
  edgeMaxConnections: Type.Integer({
    default: 10_000,
    minimum: 1,
    maximum: 1_000_000,
    changeable: true,
    description: 'Connections at a time; more are closed with 4005. 10,000 idle ones need about 30 MB here.',
  }),
  edgeConnectionsPerAddress: Type.Integer({
    default: 10_000,
    minimum: 1,
    maximum: 1_000_000,
    description:
      'Connections of one network address (of IPv6: one /64) at a time, while authentication is on. High, because everybody in an office, and everybody behind a proxy, has one address.',
  }),
  edgeConnectsPerSecondPerAddress: Type.Integer({
    default: 200,
    minimum: 1,
    maximum: 1_000_000,
    description:
      'Connects of one network address each second, while authentication is on, and ten times as many at once; more get HTTP 429. 2,000 clients behind one address come back at once when an edge was lost.',
  }),
  edgeAuthTimeoutMs: Type.Integer({
    default: 5000,
    minimum: 100,
    maximum: 60_000,
    unit: 'ms',
    description: 'Time for a client to say who it is; then it is closed with 4504. A round trip or two are enough.',
  }),
  edgeMaxUnauthenticated: Type.Integer({
    default: 2000,
    minimum: 1,
    maximum: 1_000_000,
    description:
      'Connections that have not said yet who they are, or whose credential is being checked; more are closed with 4005. As many as come back in a second or two when an edge was lost.',
  }),
  edgeMaxUnauthenticatedPerAddress: Type.Integer({
    default: 500,
    minimum: 1,
    maximum: 1_000_000,
    description: 'The same for one network address: four addresses are needed to keep everybody else out.',
  }),
  edgeConnectsPerSecondPerTenant: Type.Integer({
    default: 500,
    minimum: 1,
    maximum: 1_000_000,
    description:
      'Connections that a tenant may begin each second on average, and five times as many at once; more are closed with 4007 and come back within 10 s.',
  }),
  edgeSubscribesPerSecondPerTenant: Type.Integer({
    default: 2000,
    minimum: 1,
    maximum: 1_000_000,
    description:
      'Subscriptions that a tenant may begin each second on average, and five times as many at once; more get a retryable error.',
  }),
  edgeMaxSubscriptions: Type.Integer({
    default: 256,
    minimum: 1,
    maximum: 100_000,
    changeable: true,
    description: 'Subscriptions of one connection. A large dashboard has some dozens.',
  }),
  edgeMaxMessageBytes: Type.Integer({
    default: 65_536,
    minimum: 1024,
    maximum: 1_048_576,
    unit: 'bytes',
    description:
      'Largest message of a client. Room for the longest filter and the token of a topic with 1,000 partitions.',
  }),
  edgeMessagesPerSecond: Type.Integer({
    default: 100,
    minimum: 1,
    maximum: 100_000,
    changeable: true,
    description: 'Messages a client may send each second on average; a person or program needs a few.',
  }),
  edgeMessageBurst: Type.Integer({
    default: 1024,
    minimum: 1,
    maximum: 1_000_000,
    changeable: true,
    description: 'Messages a client may send at once: all its subscriptions after a reconnect, several times over.',
  }),
  edgeAcknowledgementsPerSecond: Type.Integer({
    default: 2000,
    minimum: 1,
    maximum: 1_000_000,
    description:
      'Acknowledgements a client may send each second on average, and five times as many at once. One message may hold thousands, so that this is for clients which acknowledge each event by itself.',
  }),
  edgeDurableInFlightBytes: Type.Integer({
    default: 4 * MIB,
    minimum: 65_536,
    maximum: 1024 * MIB,
    unit: 'bytes',
    description:
      'Events in flight of one shard of a durable subscription. Beyond, nothing more is given out until some are settled; 1,000 shards that nobody acknowledges cost 4 GB at worst.',
  }),
  edgeDurableBacklogBytes: Type.Integer({
    default: MIB,
    minimum: 65_536,
    maximum: 1024 * MIB,
    unit: 'bytes',
    description:
      'Live events that wait for a durable consumer to acknowledge. When they are more, they are read from Kafka again later.',
  }),
  edgeMaxBufferedBytes: Type.Integer({
    default: 2 * MIB,
    minimum: 65_536,
    maximum: 1024 * MIB,
    unit: 'bytes',
    description:
      'Unread bytes at which a client is closed as slow (4001, it resumes). Half a second of a client that takes 4 MB/s; 1,000 stalled clients cost 2 GB for some seconds at worst.',
  }),
  edgeLatestBytes: Type.Integer({
    default: MIB,
    minimum: 1024,
    maximum: 1024 * MIB,
    unit: 'bytes',
    description:
      'What may wait for a slow client of one subscription with overflow "latest". Some thousand keys of usual events; when they are more, what has waited longest is left out, and the client is told.',
  }),
  edgeLatestEvents: Type.Integer({
    default: 10_000,
    minimum: 1,
    maximum: 10_000_000,
    description: 'The same as a number of events, which bounds what small ones cost in entries.',
  }),
  edgeLatestTotalBytes: Type.Integer({
    default: 256 * MIB,
    minimum: MIB,
    maximum: 1024 * 1024 * MIB,
    unit: 'bytes',
    description:
      'What may wait for all slow clients with overflow "latest" together: 256 of them at their limit. Beyond it, each new event of such a client leaves out what has waited longest for the same client.',
  }),
  edgeFrameBytes: Type.Integer({
    default: 65_536,
    minimum: 1024,
    maximum: 16 * MIB,
    unit: 'bytes',
    description:
      'Event bytes of one frame, about. Large enough that framing costs nothing, small enough to interleave.',
  }),
  edgeStreamKeepAliveMs: Type.Integer({
    default: 15_000,
    minimum: 1000,
    maximum: 600_000,
    unit: 'ms',
    description:
      'Silence after which an event stream (SSE) carries a comment, so that proxies do not close it: the strictest of usual ones wait 30 s.',
  }),
  edgePollBytes: Type.Integer({
    default: 262_144,
    minimum: 1024,
    maximum: 16 * MIB,
    unit: 'bytes',
    description:
      'Event bytes of one answer to a long poll, about: some hundred events. What is more comes with the next.',
  }),
  edgePollLingerMs: Type.Integer({
    default: 5000,
    minimum: 0,
    maximum: 60_000,
    unit: 'ms',
    description:
      'How long the subscription of a long poll is kept for the next one, which then needs no replay from Kafka. 0: never.',
  }),
  edgePollLingering: Type.Integer({
    default: 256,
    minimum: 0,
    maximum: 100_000,
    description:
      'Such subscriptions at a time; beyond, the one kept for longest is ended. Each holds at most half of MDS_EDGE_MAX_BUFFERED_BYTES: 256 MB at worst.',
  }),
  edgeCompression: Type.Boolean({
    default: false,
    description:
      'Whether clients that offer permessage-deflate get compressed frames: about a third of the bytes. Off by default, because every frame is compressed anew for each client: 5 µs of CPU for 500 bytes, 13 for 2 KB, 330 for 25 KB, where sending costs 5, 6 and 8. For few clients behind thin lines.',
  }),
  edgeReplayBytes: Type.Integer({
    default: 262_144,
    minimum: 16_384,
    maximum: 64 * MIB,
    unit: 'bytes',
    description: 'Size of one piece of a replay. The next is asked for when the client has read this one.',
  }),
  edgeReplaysOutstanding: Type.Integer({
    default: 32,
    minimum: 1,
    maximum: 10_000,
    description:
      'Pieces of replays asked for at a time; other subscriptions wait in order. Bounds the burst on the lane.',
  }),
  edgeReplayTimeoutMs: Type.Integer({
    default: 5000,
    minimum: 100,
    maximum: 600_000,
    unit: 'ms',
    description: 'Silence after which a piece of a replay is asked for again. Survives the replacement of a worker.',
  }),
  edgeAuditIntervalMs: Type.Integer({
    default: 10_000,
    minimum: 0,
    maximum: 3_600_000,
    unit: 'ms',
    description:
      'How often the edge takes a sample of what it gave out for the delivery audit; 0: never. Judging one costs a stream worker about 0.1 s of a core.',
  }),
  edgeRepairHoldBytes: Type.Integer({
    default: 64 * MIB,
    minimum: MIB,
    maximum: 16_384 * MIB,
    unit: 'bytes',
    description:
      'Live envelopes kept behind gaps of the lane until Kafka has given what is missing, for all topics together. A second of a lane that carries 60 MB/s; what does not fit is read from Kafka too.',
  }),
  edgeRepairBytes: Type.Integer({
    default: 4 * MIB,
    minimum: 65_536,
    maximum: 256 * MIB,
    unit: 'bytes',
    description:
      'Size of one answer to a repair; the rest is asked for with the next. Large, because each request costs the worker as much as there are channels, and every subscriber of the topic waits for it.',
  }),
  edgeRepairTries: Type.Integer({
    default: 10,
    minimum: 1,
    maximum: 1000,
    description:
      'Requests of a repair in a row that may bring nothing before its subscribers are closed with 4002 and resume by themselves. The first is waited for a second, each further one twice as long, up to MDS_EDGE_REPLAY_TIMEOUT_MS: 10 outlive the replacement of all workers.',
  }),
  edgeHoldBytes: Type.Integer({
    default: MIB,
    minimum: 16_384,
    maximum: 1024 * MIB,
    unit: 'bytes',
    description:
      'Live frames kept for a subscription while it replays. When they are more, they are read from Kafka in another round.',
  }),
  edgeCatchUpTimeoutMs: Type.Integer({
    default: 30_000,
    minimum: 1000,
    maximum: 600_000,
    unit: 'ms',
    description: 'How long a resume token may be ahead of this edge, as it is while a partition changes its owner.',
  }),
  edgeJoinTimeoutMs: Type.Integer({
    default: 5000,
    minimum: 100,
    maximum: 600_000,
    unit: 'ms',
    description: 'Time for all partitions to join a channel before the subscriber gets a retryable error.',
  }),
  edgeLingerMs: Type.Integer({
    default: 2000,
    minimum: 0,
    maximum: 600_000,
    unit: 'ms',
    description: 'How long the interest outlives its last subscription, so that a reconnect finds it still joined.',
  }),
  edgePositionIntervalMs: Type.Integer({
    default: 5000,
    minimum: 100,
    maximum: 600_000,
    unit: 'ms',
    description: 'How often a live subscription is told its position: a resume replays at most this much of silence.',
  }),
  edgeIdleTimeoutMs: Type.Integer({
    default: 30_000,
    minimum: 8000,
    maximum: 900_000,
    unit: 'ms',
    description: 'A client that answers no ping for this long is gone. Pings are sent before, by themselves.',
  }),
  edgeReconnectSpreadMs: Type.Integer({
    default: 1000,
    minimum: 0,
    maximum: 600_000,
    unit: 'ms',
    changeable: true,
    description: 'Clients that are closed are told to come back at a random moment within this time, not all at once.',
  }),
});
export type EdgeConfig = Static<typeof EdgeConfig>;
