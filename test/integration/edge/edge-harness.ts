// An edge in this process on a Redis of its own, a played worker, and real WebSocket clients.

import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { loadConfig } from '../../../platform/config.ts';
import { Health } from '../../../platform/health.ts';
import type { RunningProcess } from '../../../platform/lifecycle.ts';
import { createLogger } from '../../../platform/log.ts';
import { createMetrics, type Metrics } from '../../../platform/metrics.ts';
import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import { parseServerFrame } from '../../../schemas/frame-reader.ts';
import { type ServerFrame, SUBPROTOCOL_JSON } from '../../../schemas/frames.ts';
import { parseAvroFrame } from '../../../schemas/frames-avro.ts';
import { EdgeConfig } from '../../../workers/edge/config.ts';
import { startEdge } from '../../../workers/edge/edge.ts';
import { freePort } from '../harness/free-port.ts';
import { managed } from '../harness/managed.ts';
import { type LaneProxy, startLaneProxy } from './lane-proxy.ts';
import { PlayedWorker, TOPIC } from './played-worker.ts';
import { type OwnRedis, startRedis } from './redis-server.ts';

export interface EdgeUnderTest {
  readonly redis: OwnRedis;
  /** Between the edge and its Redis; workers are not behind it. */
  readonly proxy: LaneProxy;
  readonly worker: PlayedWorker;
  readonly url: string;
  readonly prefix: string;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly edge: RunningProcess;
  stop(): Promise<void>;
}

export async function startEdgeUnderTest(
  settings: Readonly<Record<string, string>> = {},
  partitions = 4,
): Promise<EdgeUnderTest> {
  const redis = await startRedis();
  const prefix = 'test';
  const worker = new PlayedWorker({ url: redis.url, prefix, partitions });
  await worker.start();
  const port = await freePort();
  const proxy = await startLaneProxy(redis.url);
  const config = loadConfig(EdgeConfig, {
    MDS_REDIS_URL: proxy.url,
    MDS_REDIS_PREFIX: prefix,
    MDS_AUTH: 'off',
    MDS_EDGE_PORT: String(port),
    MDS_HTTP_PORT: '0',
    MDS_LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
    ...settings,
  });
  const log = createLogger('edge', config.logLevel);
  const health = new Health();
  const metrics = createMetrics('edge');
  const { signal } = new AbortController();
  const edge = await startEdge({ config, log, metrics, health, signal, ...managed('edge', EdgeConfig, config) });
  let isStopped = false;
  return {
    redis,
    proxy,
    worker,
    prefix,
    url: `ws://127.0.0.1:${port}/v1/stream`,
    health,
    metrics,
    edge: {
      stop: async () => {
        isStopped = true;
        await edge.stop();
      },
    },
    async stop() {
      if (!isStopped) await edge.stop();
      proxy.close();
      await worker.stop();
      await redis.stop();
    },
  };
}

/** Waits for a condition; fails loudly when it does not come true. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 10_000,
): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await delay(5);
  }
}

type FrameOf<Type extends ServerFrame['type']> = Extract<ServerFrame, { type: Type }>;

export class TestClient {
  readonly frames: ServerFrame[] = [];
  closeCode: number | null = null;
  readonly socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.on('message', (data) => {
      const frame = data instanceof ArrayBuffer ? parseBinary(data) : parseServerFrame(String(data));
      if (frame) this.frames.push(frame);
    });
    socket.on('close', (code) => {
      this.closeCode = code;
    });
    socket.on('error', () => {}); // seen as a close
  }

  static async open(url: string, protocols: string[] = [SUBPROTOCOL_JSON]): Promise<TestClient> {
    const client = new TestClient(new WebSocket(url, protocols));
    await once(client.socket, 'open');
    return client;
  }

  say(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }

  of<Type extends ServerFrame['type']>(type: Type): FrameOf<Type>[] {
    return this.frames.filter((frame): frame is FrameOf<Type> => frame.type === type);
  }

  async next<Type extends ServerFrame['type']>(type: Type, count = 1): Promise<FrameOf<Type>> {
    await until(`${type} frame ${count}`, () => this.of(type).length >= count);
    const frame = this.of(type)[count - 1];
    if (!frame) throw new Error(`no ${type} frame`);
    return frame;
  }

  async subscribe(id: string, more: object = {}): Promise<FrameOf<'subscribed'>> {
    this.say({ type: 'subscribe', id, topic: TOPIC, ...more });
    const find = () => this.of('subscribed').find((frame) => frame.id === id);
    await until(`subscribed ${id}`, () => find() !== undefined);
    const frame = find();
    if (!frame) throw new Error('unreachable');
    return frame;
  }

  async closed(): Promise<number> {
    await until('close', () => this.closeCode !== null);
    return this.closeCode ?? 0;
  }

  close(): void {
    this.socket.terminate();
  }

  /** The `n` of every event, by partition, in the order of arrival, for frames that concern this subscription. */
  numbers(subscriptionId: string | null = null): Map<number, number[]> {
    const numbers = new Map<number, number[]>();
    for (const { partition, events, sub } of this.of('events')) {
      if (sub !== undefined && sub !== subscriptionId) continue;
      const list = numbers.get(partition) ?? [];
      for (const { data } of events) list.push((data as { n: number }).n);
      numbers.set(partition, list);
    }
    return numbers;
  }
}

const parseBinary = (data: ArrayBuffer): ServerFrame => parseAvroFrame(new Uint8Array(data));

/** Moves a position on by what the frames say, as a client that wants to resume does. */
export function moveOn(position: Map<number, Cursor>, frames: readonly ServerFrame[]): void {
  for (const frame of frames) {
    if (frame.type !== 'events' && frame.type !== 'gap') continue;
    const to = { offset: frame.to[0], index: frame.to[1] };
    const before = position.get(frame.partition);
    if (!before || compareCursors(before, to) < 0) position.set(frame.partition, to);
  }
}
