// Suite `ingest`: events a second through one ingest door into Kafka, with acks from every in-sync replica and ids claimed in
// Redis; and what of a core an event costs the door. The machine has the generator, Redis and Kafka on it as well, so the
// second figure is the one that says what a door can do on a core of its own.

import { Agent, request } from 'node:http';
import { zstdCompressSync } from 'node:zlib';
import { Redis } from 'ioredis';
import { endProcess } from '../../deploy/local/child.ts';
import type { Stack } from '../../deploy/local/local-stack.ts';
import { readProcessRecords } from '../../deploy/local/process-file.ts';
import { apiUrl, type ProjectProcess, startProcess } from '../../deploy/local/processes.ts';
import type { Topic } from '../../schemas/api/topic.ts';
import { ingestedKeys } from '../../schemas/ingest.ts';
import { type LoadEvent, templateEvents } from '../load/events.ts';
import { cpuSecondsOf } from '../load/process-usage.ts';
import type { Figure } from '../result.ts';
import type { Suite } from '../suite.ts';
import { type BodyForm, makeBody, type NumberedBody } from './ingest/bodies.ts';

const EFFORT = { quick: { seconds: 3, repetitions: 3 }, full: { seconds: 6, repetitions: 5 } } as const;
const WARMUP_SECONDS = 2;
/** Fewer say more of a door that is still being compiled, or of a machine that has no time for it, than of a door. */
const MIN_REQUESTS = 60;
/** A run lasts so many times as long at most to come to them. */
const MAX_STRETCH = 8;
const REQUEST_EVENTS = 5000;
/** Events of a request are of so many hosts: a gateway's batch, as an OpenTelemetry Collector sends it. */
const HOSTS = 50;
const PARTITIONS = 4;
const CONNECTIONS = 4;
const STOP_GRACE_MS = 12_000;
const KNOWN_TIMEOUT_MS = 30_000;

interface Point {
  readonly name: string;
  readonly label: string;
  readonly form: BodyForm;
  readonly zstd?: boolean;
  readonly minimal?: boolean;
}

const POINTS: readonly Point[] = [
  { name: 'ndjson', label: 'NDJSON', form: 'ndjson' },
  { name: 'avro', label: 'Avro', form: 'avro' },
  { name: 'avroMinimal', label: 'Avro, only failures listed', form: 'avro', minimal: true },
  { name: 'ndjsonZstd', label: 'NDJSON, zstd', form: 'ndjson', zstd: true },
];

export const ingestSuite: Suite = {
  name: 'ingest',
  summary: 'events/s through an ingest door into Kafka, NDJSON and Avro, and what they cost',
  runsBy: 'full',
  run: async ({ stack, size, progress }) => {
    const { services, redisUrl } = await stack();
    const { seconds, repetitions } = EFFORT[size];
    const env = { MDS_AUTH: 'off', MDS_REDIS_PREFIX: `bench${process.hrtime.bigint()}`, MDS_LOG_LEVEL: 'warn' };
    const controlPlane = await startProcess('control-plane', services, { env });
    const door = await startProcess('ingest', services, { env });
    const redis = new Redis(redisUrl);
    const failures: string[] = [];
    const figures: Figure[] = [];
    try {
      const topic = await createTopic(services);
      const events = templateEvents({
        partitions: 1,
        eventsPerRecord: REQUEST_EVENTS,
        templates: 1,
        cardinality: HOSTS,
      });
      const load = new DoorLoad(door, topic, events.flat(), redisPidOf(services));
      await load.untilKnown();
      const run = async (point: Point, runSeconds: number): Promise<Measured> => {
        await forgetIds(redis, env.MDS_REDIS_PREFIX, topic.topicId);
        return load.run(point, runSeconds);
      };
      for (const point of POINTS) {
        await run(point, WARMUP_SECONDS);
        const measured: Measured[] = [];
        for (let i = 0; i < repetitions; i++) measured.push(await run(point, seconds));
        figures.push(...figuresOf(point, measured));
        const { perSecond, perCore, redisMicros } = medianOf(measured);
        progress(
          `${point.label}: ${rounded(perSecond)} events/s, ${rounded(perCore)} for each core second of the door, ` +
            `Redis ${redisMicros.toFixed(2)} µs an event`,
        );
      }
      failures.push(...load.failures);
    } finally {
      redis.disconnect();
      await Promise.all([door, controlPlane].map((process) => endProcess(process.record, STOP_GRACE_MS)));
    }
    return {
      config: { events: REQUEST_EVENTS, hosts: HOSTS, connections: CONNECTIONS, seconds, repetitions },
      failures,
      figures,
      runs: [],
      profiles: [],
    };
  },
};

interface Measured {
  readonly perSecond: number;
  readonly perCore: number;
  readonly redisMicros: number;
}

const rounded = (value: number): string => Math.round(value).toLocaleString('en');

function medianOf(measured: readonly Measured[]): Measured {
  const sorted = measured.toSorted((a, b) => a.perCore - b.perCore);
  const median = sorted[Math.floor(sorted.length / 2)];
  if (!median) throw new Error('nothing was measured');
  return median;
}

function figuresOf({ name, label }: Point, measured: readonly Measured[]): Figure[] {
  const figure = (id: keyof Measured, what: string, unit: string, better: Figure['better']): Figure => {
    const sorted = measured.map((one) => one[id]).sort((a, b) => a - b);
    const [low = 0, high = 0] = [sorted[0], sorted.at(-1)];
    const value = sorted[Math.floor(sorted.length / 2)] ?? 0;
    return { id: `ingest.${name}.${id}`, label: `ingest, ${label}: ${what}`, unit, better, value, low, high };
  };
  return [
    figure('perCore', 'for each core second of the door', 'events/s/core', 'higher'),
    figure('perSecond', 'on this machine, with all the rest on it', 'events/s', 'higher'),
    figure('redisMicros', "Redis' time", 'µs/event', 'lower'),
  ];
}

/** The ids of all runs would be more than the Redis of the bench has room for. */
async function forgetIds(redis: Redis, prefix: string, topicId: number): Promise<void> {
  const pattern = `${ingestedKeys(prefix, topicId).slices}*`;
  for await (const keys of redis.scanStream({ match: pattern, count: 1000 })) {
    if (keys.length > 0) await redis.unlink(...keys);
  }
}

function redisPidOf({ places }: Stack): number {
  const redis = readProcessRecords(places.run).find(({ name }) => name === 'redis');
  if (!redis) throw new Error('the stack has no redis');
  return redis.pid;
}

async function createTopic({ ports }: Stack): Promise<Topic> {
  const name = `ingest${process.hrtime.bigint()}`;
  const answer = await fetch(`${apiUrl(ports)}/v1/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': name },
    body: JSON.stringify({ name, partitions: PARTITIONS }),
  });
  if (!answer.ok) throw new Error(`POST /v1/topics: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Topic; // the API's contract
}

/** As many requests as the door answers, for so long. */
class DoorLoad {
  readonly failures: string[] = [];
  readonly #door: ProjectProcess;
  readonly #url: string;
  readonly #redisPid: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  readonly #bodies: Readonly<Record<BodyForm, readonly NumberedBody[]>>;
  #number = 0;

  constructor(door: ProjectProcess, topic: Topic, events: readonly LoadEvent[], redisPid: number) {
    this.#door = door;
    this.#url = `${door.healthUrl}/v1/topics/${topic.name}/events`;
    this.#redisPid = redisPid;
    // one for each connection: a body is being sent while the next one gets its numbers
    const bodies = (form: BodyForm) => Array.from({ length: CONNECTIONS }, () => makeBody(form, events, topic));
    this.#bodies = { ndjson: bodies('ndjson'), avro: bodies('avro') };
  }

  async untilKnown(): Promise<void> {
    const deadlineMs = performance.now() + KNOWN_TIMEOUT_MS;
    for (;;) {
      const { status } = await this.#post(Buffer.from('[]'), { 'content-type': 'application/json' });
      if (status === 200) return;
      if (performance.now() > deadlineMs) throw new Error(`the door does not know the topic: ${status}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async run(point: Point, seconds: number): Promise<Measured> {
    const cpu = () => [cpuSecondsOf(this.#door.record.pid), cpuSecondsOf(this.#redisPid)] as const;
    const [doorBefore, redisBefore] = cpu();
    const startedMs = performance.now();
    const firstNumber = this.#number;
    const isOver = (): boolean => {
      const elapsed = (performance.now() - startedMs) / 1000;
      const isEnough = this.#number - firstNumber >= MIN_REQUESTS;
      return elapsed >= MAX_STRETCH * seconds || (elapsed >= seconds && isEnough);
    };
    const counts = await Promise.all(this.#bodies[point.form].map((body) => this.#sendUntil(point, body, isOver)));
    const took = (performance.now() - startedMs) / 1000;
    const [doorAfter, redisAfter] = cpu();
    const events = counts.reduce((sum, count) => sum + count, 0);
    return {
      perSecond: events / took,
      perCore: events / Math.max(0.01, doorAfter - doorBefore),
      redisMicros: (1e6 * (redisAfter - redisBefore)) / Math.max(1, events),
    };
  }

  async #sendUntil(
    { form, zstd = false, minimal = false }: Point,
    body: NumberedBody,
    isOver: () => boolean,
  ): Promise<number> {
    const headers = {
      'content-type': form === 'avro' ? 'application/vnd.mds.avro' : 'application/x-ndjson',
      ...(zstd ? { 'content-encoding': 'zstd' } : {}),
      ...(minimal ? { prefer: 'return=minimal' } : {}),
    };
    let accepted = 0;
    while (!isOver()) {
      const bytes = body.numbered(this.#number++);
      const { status, text } = await this.#post(zstd ? zstdCompressSync(bytes) : bytes, headers);
      const count = Number(/^\{"accepted":(\d+)/.exec(text)?.[1] ?? 0);
      if (status !== 200 || count !== body.events) this.failures.push(`${form}: ${status} ${text.slice(0, 200)}`);
      accepted += count;
    }
    return accepted;
  }

  #post(body: Buffer, headers: Readonly<Record<string, string>>): Promise<{ status: number; text: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    const sent = request(this.#url, { method: 'POST', agent: this.#agent, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('latin1') }),
      );
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
    return promise;
  }
}
