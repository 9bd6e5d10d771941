// Plays an edge against a stream worker: writes interest into Redis as an edge does, reads the lane, and keeps the lane
// contract's books, so that a broken range shows.

import { createLogger } from '../../../platform/log.ts';
import { connectRedis, type Redis } from '../../../platform/redis.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import {
  type CatalogTopic,
  INTEREST_SEQ_FIELD,
  type Interest,
  type RedisKeys,
  type ReplayRequest,
} from '../../../schemas/coordination.ts';
import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import { type EnvelopeView, readEnvelope } from '../../../schemas/lane-envelope.ts';
import { channelIdOf, makePlan } from '../../../schemas/plan/plan.ts';
import { until } from '../harness/until.ts';

const JOIN_TIMEOUT_MS = 40_000;

export interface Delivery {
  readonly partition: number;
  readonly offset: number;
  readonly index: number;
  readonly data: Record<string, unknown>;
}

export interface PlayedChannel {
  readonly channel: string;
  readonly generation: number;
  readonly plan: unknown;
  /** Start of each partition, as the first `joined` said. */
  readonly joined: Map<number, Cursor>;
  /** In order of arrival, overlaps left out as an edge does. */
  readonly deliveries: Delivery[];
}

export class PlayedEdge {
  readonly edgeId: string;
  readonly envelopes: EnvelopeView[] = [];
  /** What an edge would have to close clients for. */
  readonly gaps: string[] = [];
  readonly channels = new Map<string, PlayedChannel>();
  readonly last = new Map<number, { epoch: number; to: Cursor }>();
  readonly #redis: Redis;
  readonly #lane: Redis;
  readonly #keys: RedisKeys;
  #seq = 0;
  #generation = 0;
  #heartbeat: NodeJS.Timeout | undefined;

  private constructor(edgeId: string, redis: Redis, lane: Redis, keys: RedisKeys) {
    this.edgeId = edgeId;
    this.#redis = redis;
    this.#lane = lane;
    this.#keys = keys;
  }

  static async start(redisUrl: string, keys: RedisKeys, edgeId: string): Promise<PlayedEdge> {
    const log = createLogger('played-edge', 'silent');
    const [redis, lane] = await Promise.all([
      connectRedis(redisUrl, { log, name: 'edge' }),
      connectRedis(redisUrl, { log, name: 'edge-lane' }),
    ]);
    const edge = new PlayedEdge(edgeId, redis, lane, keys);
    lane.on('smessageBuffer', (_lane: Buffer, message: Buffer) => edge.#receive(readEnvelope(Buffer.from(message))));
    await lane.ssubscribe(keys.lane(edgeId));
    await redis.sadd(keys.edges, edgeId);
    const beat = () => redis.set(keys.edge(edgeId), '{}', 'PX', 3000).catch(() => undefined);
    await beat();
    edge.#heartbeat = setInterval(beat, 500);
    return edge;
  }

  /** Without `told`, the notice is left out, as if it had been lost. */
  async want(
    topic: CatalogTopic,
    request: { filter?: string; fields?: string[] } = {},
    told = true,
  ): Promise<PlayedChannel> {
    const plan = makePlan(request, parseAvroSchema(topic.schema));
    const channel = channelIdOf(topic.topicId, plan);
    const interest: Interest = { channel, topicId: topic.topicId, generation: ++this.#generation, plan };
    const played = { channel, generation: interest.generation, plan, joined: new Map(), deliveries: [] };
    this.channels.set(channel, played);
    const seq = ++this.#seq;
    const transaction = this.#redis
      .multi()
      .hset(this.#keys.interest(this.edgeId), channel, JSON.stringify(interest), INTEREST_SEQ_FIELD, String(seq));
    const change = { edgeId: this.edgeId, seq, add: [interest], remove: [] };
    if (told) transaction.publish(this.#keys.notifyInterest, JSON.stringify(change));
    await transaction.exec();
    return played;
  }

  async withdraw({ channel, generation }: PlayedChannel): Promise<void> {
    const seq = ++this.#seq;
    const change = { edgeId: this.edgeId, seq, add: [], remove: [{ channel, generation }] };
    await this.#redis
      .multi()
      .hdel(this.#keys.interest(this.edgeId), channel)
      .hset(this.#keys.interest(this.edgeId), INTEREST_SEQ_FIELD, String(seq))
      .publish(this.#keys.notifyInterest, JSON.stringify(change))
      .exec();
    this.channels.delete(channel);
    if (this.channels.size === 0) this.last.clear();
  }

  /** Many at once, as an edge does that has just met many clients; nobody is told of them. */
  async wantAll(topic: CatalogTopic, filters: readonly string[]): Promise<PlayedChannel[]> {
    const fields: string[] = [];
    const all = filters.map((filter) => {
      const plan = makePlan({ filter }, parseAvroSchema(topic.schema));
      const channel = channelIdOf(topic.topicId, plan);
      const interest: Interest = { channel, topicId: topic.topicId, generation: ++this.#generation, plan };
      fields.push(channel, JSON.stringify(interest));
      const played = { channel, generation: interest.generation, plan, joined: new Map(), deliveries: [] };
      this.channels.set(channel, played);
      return played;
    });
    this.#seq += 1;
    await this.#redis.hset(this.#keys.interest(this.edgeId), ...fields, INTEREST_SEQ_FIELD, String(this.#seq));
    return all;
  }

  /** Resolves when every partition has told where the channel starts. */
  joined(played: PlayedChannel, partitions: number): Promise<unknown> {
    return until(`${played.channel} to be joined`, JOIN_TIMEOUT_MS, () => played.joined.size === partitions);
  }

  async replay(request: Omit<ReplayRequest, 'edgeId' | 'deadlineMs'>): Promise<void> {
    const whole = { ...request, edgeId: this.edgeId, deadlineMs: Date.now() + 10_000 };
    await this.#redis.lpush(this.#keys.replay, JSON.stringify(whole));
  }

  replayEnvelopes(requestId: number): EnvelopeView[] {
    return this.envelopes.filter((envelope) => envelope.kind === 'replay' && envelope.requestId === requestId);
  }

  /** As if the process had been killed. */
  stop(): void {
    clearInterval(this.#heartbeat);
    this.#redis.disconnect();
    this.#lane.disconnect();
  }

  #receive(envelope: EnvelopeView): void {
    this.envelopes.push(envelope);
    if (envelope.kind === 'live') this.#apply(envelope);
  }

  #apply(envelope: EnvelopeView): void {
    const { partition, epoch, from, to, joined } = envelope;
    const state = this.last.get(partition);
    if (state && epoch < state.epoch) return;
    const told = new Set(joined.map(({ channel }) => channel));
    if (state && epoch > state.epoch) {
      for (const played of this.channels.values()) {
        if (played.joined.has(partition) && !told.has(played.channel))
          this.gaps.push(`epoch ${epoch} forgot a channel`);
      }
    }
    if (state && compareCursors(from, state.to) > 0) {
      this.gaps.push(`partition ${partition}: ${state.to.offset} to ${from.offset}`);
    }
    for (const { channel, generation } of joined) {
      const played = this.channels.get(channel);
      if (!played || played.generation !== generation) continue;
      if (played.joined.has(partition) && epoch === state?.epoch) this.gaps.push('joined twice in an epoch');
      if (!played.joined.has(partition)) played.joined.set(partition, from);
    }
    this.#deliver(envelope, state?.to);
    if (!state && ![...this.channels.values()].some((played) => played.joined.has(partition))) return;
    this.last.set(partition, { epoch, to: state && compareCursors(state.to, to) > 0 ? state.to : to });
  }

  #deliver({ partition, events, channels }: EnvelopeView, last: Cursor | undefined): void {
    for (const { channel, refs } of channels) {
      const played = this.channels.get(channel);
      const start = played?.joined.get(partition);
      if (!played || !start) continue;
      for (const ref of Array.from(refs)) {
        const event = events[ref];
        if (!event || compareCursors(event.cursor, start) <= 0) continue;
        if (last && compareCursors(event.cursor, last) <= 0) continue;
        const data = JSON.parse(Buffer.from(event.bytes).toString('utf8'));
        played.deliveries.push({ partition, ...event.cursor, data });
      }
    }
  }
}
