// Plays a stream worker for edge tests: a log per partition in memory, envelopes to every lane with interest, answers to
// replay requests. Written from the contract, not from the worker, and able to misbehave on demand.

import { setTimeout as delay } from 'node:timers/promises';
import avsc from 'avsc';
import { Redis } from 'ioredis';
import { INTEREST_SEQ_FIELD, Interest, ReplayRequest, readMessage, redisKeys } from '../../../schemas/coordination.ts';
import { afterRecord, beforeRecord, type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import { type Envelope, envelopeByteLength, writeEnvelope } from '../../../schemas/lane-envelope.ts';
import type { Plan } from '../../../schemas/plan/plan.ts';

export const TOPIC_ID = 7;
export const TOPIC = 'host.metrics';
/** Registry id of the schema that Avro events are said to be written with. */
export const SCHEMA_ID = 0x01020304;
export const SCHEMA = JSON.stringify({
  type: 'record',
  name: 'Reading',
  fields: [
    { name: 'n', type: 'long' },
    { name: 'pad', type: 'string' },
  ],
});

const AVRO: avsc.Type = avsc.Type.forSchema(JSON.parse(SCHEMA));

/** As the kernel delivers it: the writer's schema id, then the event. */
function avroOf(json: Buffer): Buffer {
  const schemaId = Buffer.alloc(4);
  schemaId.writeUInt32BE(SCHEMA_ID);
  return Buffer.concat([schemaId, AVRO.toBuffer(JSON.parse(String(json)))]);
}

type Wanted = Pick<Interest, 'channel' | 'plan'>;
const isAvro = ({ plan }: Wanted): boolean => (plan as Plan).format === 'avro';

interface LaneState {
  at: Cursor;
  readonly joined: Map<string, number>;
}

export interface PlayedWorkerOptions {
  readonly url: string;
  readonly prefix: string;
  readonly partitions: number;
}

export class PlayedWorker {
  readonly partitions: number;
  readonly replayRequests: ReplayRequest[] = [];
  /** The next envelopes of these partitions are made and lost. */
  readonly losing = new Set<number>();
  isAnsweringReplays = true;
  /** Works, but sends nothing at all. */
  isSilent = false;
  /** Wishes that it has not heard of: `channel#generation`. */
  readonly unheard = new Set<string>();
  /** So many answers to replays are lost. */
  answersToLose = 0;
  /** Offsets below this are gone from Kafka. */
  firstOffset = 0;
  epoch = 1;
  readonly #redis: Redis;
  readonly #listener: Redis;
  readonly #blocking: Redis;
  readonly #keys;
  readonly #log: Buffer[][];
  readonly #lanes = new Map<string, Map<number, LaneState>>();
  #interest = new Map<string, Map<string, Interest>>();
  #isRunning = true;
  readonly #loops: Promise<void>[] = [];

  constructor({ url, prefix, partitions }: PlayedWorkerOptions) {
    this.partitions = partitions;
    const open = (): Redis => {
      const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
      redis.on('error', () => {}); // the tests stop Redis on purpose
      return redis;
    };
    this.#redis = open();
    this.#listener = open();
    this.#blocking = open();
    this.#keys = redisKeys(prefix);
    this.#log = Array.from({ length: partitions }, () => []);
  }

  async start(): Promise<void> {
    await this.writeCatalog();
    await this.#listener.subscribe(this.#keys.notifyInterest);
    this.#listener.on('message', () => void this.#readInterest().then(() => this.pump()));
    this.#loops.push(this.#answerReplays());
  }

  async writeCatalog(partitions = this.partitions): Promise<void> {
    const topic = {
      topicId: TOPIC_ID,
      tenant: 'default',
      name: TOPIC,
      kafkaTopic: `default.${TOPIC}`,
      deadLetterTopic: 'default.dead-letter',
      partitions,
      schemaId: 1,
      schema: SCHEMA,
    };
    await this.#redis.hset(this.#keys.catalog, String(TOPIC_ID), JSON.stringify(topic));
    await this.#redis.publish(this.#keys.notifyCatalog, '');
  }

  async replaceCatalog(): Promise<void> {
    const other = { topicId: 99, tenant: 'default', name: 'other', kafkaTopic: 'default.other' };
    const topic = { ...other, deadLetterTopic: 'default.dead-letter', partitions: 1, schemaId: 1, schema: SCHEMA };
    await this.#redis
      .multi()
      .del(this.#keys.catalog)
      .hset(this.#keys.catalog, '99', JSON.stringify(topic))
      .publish(this.#keys.notifyCatalog, '')
      .exec();
  }

  /** Appends one event; `pump` sends it. */
  produce(partition: number, n: number, padBytes = 0): void {
    this.#log[partition]?.push(Buffer.from(JSON.stringify({ n, pad: 'x'.repeat(padBytes) })));
  }

  /** Sends what is new, and a watermark where nothing is. */
  pump(): void {
    for (const [edgeId, interest] of this.#interest) {
      if (interest.size === 0 || this.isSilent) continue;
      for (let partition = 0; partition < this.partitions; partition++)
        this.#pumpPartition(edgeId, interest, partition);
    }
  }

  /** Pumps until told to stop, as a worker does. */
  run(intervalMs = 10): void {
    const loop = async (): Promise<void> => {
      while (this.#isRunning) {
        this.pump();
        await delay(intervalMs);
      }
    };
    this.#loops.push(loop());
  }

  /** Hand-over to an owner that starts from an earlier offset, as after a crash. */
  changeOwner(back: number): void {
    this.epoch += 1;
    for (const lanes of this.#lanes.values()) {
      for (const state of lanes.values()) {
        state.at = beforeRecord(Math.max(0, state.at.offset + 1 - back));
        state.joined.clear();
      }
    }
  }

  /** The wishes as they stand have not reached a new owner; later ones do. */
  unhear(): void {
    for (const interest of this.#interest.values()) {
      for (const { channel, generation } of interest.values()) this.unheard.add(`${channel}#${generation}`);
    }
  }

  async sendRaw(bytes: Uint8Array): Promise<void> {
    for (const edgeId of this.#interest.keys()) await this.#redis.spublish(this.#keys.lane(edgeId), Buffer.from(bytes));
  }

  get interestCount(): number {
    let count = 0;
    for (const interest of this.#interest.values()) count += interest.size;
    return count;
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    for (const redis of [this.#redis, this.#listener, this.#blocking]) redis.disconnect();
    await Promise.all(this.#loops);
  }

  async #readInterest(): Promise<void> {
    const prefix = this.#keys.interest('');
    const interest = new Map<string, Map<string, Interest>>();
    for (const key of await this.#redis.keys(`${prefix}*`)) {
      const wanted = new Map<string, Interest>();
      for (const [field, text] of Object.entries(await this.#redis.hgetall(key))) {
        if (field !== INTEREST_SEQ_FIELD) wanted.set(field, readMessage(Interest, text));
      }
      interest.set(key.slice(prefix.length), wanted);
    }
    this.#interest = interest;
  }

  #pumpPartition(edgeId: string, wanted: ReadonlyMap<string, Interest>, partition: number): void {
    const isHeard = ({ channel, generation }: Interest): boolean => !this.unheard.has(`${channel}#${generation}`);
    const interest = new Map([...wanted].filter(([, wish]) => isHeard(wish)));
    const log = this.#log[partition] ?? [];
    let lanes = this.#lanes.get(edgeId);
    if (!lanes) {
      lanes = new Map();
      this.#lanes.set(edgeId, lanes);
    }
    let state = lanes.get(partition);
    if (!state) {
      state = { at: beforeRecord(log.length), joined: new Map() };
      lanes.set(partition, state);
    }
    const joined = [...interest.values()].filter((wish) => state.joined.get(wish.channel) !== wish.generation);
    for (const channel of state.joined.keys()) if (!interest.has(channel)) state.joined.delete(channel);
    for (const { channel, generation } of joined) state.joined.set(channel, generation);
    const to = log.length > state.at.offset + 1 ? afterRecord(log.length - 1) : state.at;
    const envelope = this.#envelope(partition, state.at, to, [...interest.values()], {
      kind: 'live',
      epoch: this.epoch,
      joined,
    });
    state.at = to;
    if (!this.losing.has(partition)) this.#send(edgeId, envelope);
  }

  #envelope(
    partition: number,
    from: Cursor,
    to: Cursor,
    channels: readonly Wanted[],
    rest: Partial<Envelope>,
  ): Envelope {
    const events: Envelope['events'][number][] = [];
    for (let offset = from.offset; offset <= to.offset; offset++) {
      const cursor = { offset, index: 0 };
      const bytes = this.#log[partition]?.[offset];
      if (!bytes || compareCursors(cursor, from) <= 0 || compareCursors(cursor, to) > 0) continue;
      events.push({ cursor, bytes }, { cursor, bytes: avroOf(bytes) });
    }
    const refsOf = (wanted: Wanted): number[] =>
      events.flatMap((_, i) => (i % 2 === (isAvro(wanted) ? 1 : 0) ? [i] : []));
    return {
      kind: 'live',
      topicId: TOPIC_ID,
      partition,
      epoch: 0,
      requestId: 0,
      from,
      to,
      oldestRecordMs: events.length > 0 ? Date.now() : 0,
      receivedMs: Date.now(),
      publishedMs: Date.now(),
      last: false,
      expired: false,
      joined: [],
      events,
      channels: events.length > 0 ? channels.map((wanted) => ({ channel: wanted.channel, refs: refsOf(wanted) })) : [],
      ...rest,
    };
  }

  async #answerReplays(): Promise<void> {
    while (this.#isRunning) {
      const answer = await this.#blocking.brpop(this.#keys.replay, 0).catch(() => null);
      if (!answer) {
        await delay(20);
        continue;
      }
      const request = readMessage(ReplayRequest, answer[1]);
      this.replayRequests.push(request);
      if (!this.isAnsweringReplays) continue;
      if (this.answersToLose > 0) this.answersToLose -= 1;
      else this.#answer(request);
    }
  }

  #answer({ edgeId, requestId, channels: asked, ranges, maxBytes }: ReplayRequest): void {
    const interest = asked === 'interest' ? [...(this.#interest.get(edgeId)?.values() ?? [])] : [];
    const channels = asked === 'interest' ? interest : asked;
    const joined = interest.map(({ channel, generation }) => ({ channel, generation }));
    for (const { partition, from, to } of ranges) {
      let at: Cursor = { offset: from[0], index: from[1] };
      const end: Cursor = { offset: to[0], index: to[1] };
      const first = beforeRecord(this.firstOffset);
      if (compareCursors(at, first) < 0) {
        const upTo = compareCursors(first, end) < 0 ? first : end;
        const expired = { kind: 'replay', requestId, expired: true, last: compareCursors(upTo, end) === 0 } as const;
        this.#send(edgeId, { ...this.#envelope(partition, at, upTo, [], expired), events: [], channels: [] });
        at = upTo;
        if (expired.last) continue;
      }
      let bytes = 0;
      let stop = at.offset;
      while (stop < end.offset && bytes < maxBytes) {
        stop += 1;
        bytes += this.#log[partition]?.[stop]?.length ?? 0;
      }
      const reached = stop >= end.offset ? end : afterRecord(stop);
      const rest = { kind: 'replay', requestId, last: true, joined } as const;
      this.#send(edgeId, this.#envelope(partition, at, reached, channels, rest));
    }
  }

  #send(edgeId: string, envelope: Envelope): void {
    const bytes = Buffer.alloc(envelopeByteLength(envelope));
    writeEnvelope(envelope, bytes, 0);
    this.#redis.spublish(this.#keys.lane(edgeId), bytes).catch(() => {}); // Redis is stopped on purpose in some tests
  }
}
