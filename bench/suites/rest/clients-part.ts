// Clients of the suite `rest` in a process of their own: requests at a fixed rate over keep-alive connections, open loop, so
// that an answer that is late delays no other measurement; latency counts from when the request was due.

import { connect, type Socket } from 'node:net';
import { build, type Histogram } from 'hdr-histogram-js';
import { cpuMsSince, partSetting, runPart, tell } from '../ceilings/part.ts';

export interface ClientsSetting {
  readonly host: string;
  readonly port: number;
  /** Taken in turn. */
  readonly paths: readonly string[];
  readonly connections: number;
  readonly requestsPerSecond: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

export interface ClientsOutcome {
  readonly kind: 'done';
  /** Requests, with those of the warm-up. */
  readonly total: number;
  readonly answered: number;
  readonly wrong: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Of one core. */
  readonly busyShare: number;
}

const MICROS = 1000;
const TICK_MS = 1;
const DRAIN_MS = 3000;

/** One keep-alive connection with at most one request under way. */
class Client {
  readonly #socket: Socket;
  readonly #onAnswer: (client: Client, isGood: boolean) => void;
  #text = '';
  #missing = -1;
  dueMs = 0;

  constructor(setting: ClientsSetting, onAnswer: (client: Client, isGood: boolean) => void) {
    this.#onAnswer = onAnswer;
    this.#socket = connect(setting.port, setting.host);
    this.#socket.setNoDelay(true);
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (chunk: string) => this.#take(chunk));
    this.#socket.on('error', () => onAnswer(this, false));
  }

  send(request: string, dueMs: number): void {
    this.dueMs = dueMs;
    this.#socket.write(request);
  }

  end(): void {
    this.#socket.destroy();
  }

  /** Answers have a length: nothing here is chunked. */
  #take(chunk: string): void {
    if (this.#missing < 0) {
      this.#text += chunk;
      const head = this.#text.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = /\r\ncontent-length: (\d+)/i.exec(this.#text.slice(0, head))?.[1];
      this.#missing = Number(length ?? 0) - (this.#text.length - head - 4);
    } else {
      this.#missing -= chunk.length;
    }
    if (this.#missing > 0) return;
    const isGood = this.#text.startsWith('HTTP/1.1 200');
    this.#text = '';
    this.#missing = -1;
    this.#onAnswer(this, isGood);
  }
}

await runPart(async () => {
  const setting = partSetting<ClientsSetting>();
  const requests = setting.paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: ${setting.host}:${setting.port}\r\n\r\n`);
  const histogram: Histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000 });
  const waiting: number[] = [];
  const counts = { answered: 0, wrong: 0 };
  const startMs = performance.now() + 200;
  const measureFromMs = startMs + setting.warmupSeconds * 1000;
  const endMs = measureFromMs + setting.seconds * 1000;
  let turn = 0;
  const idle: Client[] = [];
  const send = (client: Client, dueMs: number): void => client.send(requests[turn++ % requests.length] ?? '', dueMs);
  const onAnswer = (client: Client, isGood: boolean): void => {
    if (client.dueMs >= measureFromMs) {
      histogram.recordValue(Math.max(1, Math.round((performance.now() - client.dueMs) * MICROS)));
      counts.answered += 1;
      if (!isGood) counts.wrong += 1;
    }
    const due = waiting.shift();
    if (due === undefined) idle.push(client);
    else send(client, due);
  };
  for (let i = 0; i < setting.connections; i++) idle.push(new Client(setting, onAnswer));
  const clients = [...idle];
  const cpu = process.cpuUsage();
  const done = Promise.withResolvers<void>();
  let sent = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const untilMs = Math.min(nowMs, endMs);
    for (; startMs + (sent * 1000) / setting.requestsPerSecond < untilMs; sent++) {
      const dueMs = startMs + (sent * 1000) / setting.requestsPerSecond;
      const client = idle.pop();
      if (client) send(client, dueMs);
      else waiting.push(dueMs);
    }
    const isDrained = idle.length === setting.connections && waiting.length === 0;
    if (nowMs >= endMs && (isDrained || nowMs >= endMs + DRAIN_MS)) {
      clearInterval(timer);
      done.resolve();
    }
  }, TICK_MS);
  await done.promise;
  const busyShare = cpuMsSince(cpu) / (performance.now() - startMs);
  for (const client of clients) client.end();
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / MICROS;
  const outcome: ClientsOutcome = {
    kind: 'done',
    total: sent,
    ...counts,
    perSecond: counts.answered / setting.seconds,
    p50Ms: at(50),
    p99Ms: at(99),
    maxMs: histogram.maxValue / MICROS,
    busyShare,
  };
  tell({ ...outcome });
});
