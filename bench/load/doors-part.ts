// Part: clients of one door that all read the same. Every event of every client is counted; latency is that of each event of
// one client in sixteen, from its intended time until its bytes were read.

import { get } from 'node:http';
import { type PartMessage, partSetting, runPart, tell } from '../suites/ceilings/part.ts';
import { ClientConnection } from './client-connection.ts';
import type { DoorClientsAnswer, DoorClientsSetting } from './doors.ts';
import { readTimestamps } from './events-frame.ts';
import { latencyOf, newHistogram, nowUs, record } from './histograms.ts';

const CONNECTS_AT_ONCE = 50;
const MEASURED_EVERY = 16;
/** Nothing more came for so long: what is missing is lost. */
const QUIET_MS = 4000;
const POLL_MS = 20;
const MESSAGE_END = '\n\n';

class DoorClients {
  readonly #setting: DoorClientsSetting;
  readonly #counts: number[];
  readonly #histogram = newHistogram();
  #failures = 0;
  #measuredFromUs = Number.POSITIVE_INFINITY;
  #lastMs = performance.now();

  constructor(setting: DoorClientsSetting) {
    this.#setting = setting;
    this.#counts = Array.from({ length: setting.clients }, () => 0);
  }

  /** Resolves when every client has been told where it begins. */
  async open(): Promise<void> {
    const { clients, door } = this.#setting;
    for (let made = 0; made < clients; made += CONNECTS_AT_ONCE) {
      const some = Math.min(CONNECTS_AT_ONCE, clients - made);
      await Promise.all(
        Array.from({ length: some }, (_, i) => (door === 'sse' ? this.#stream(made + i) : this.#webSocket(made + i))),
      );
    }
  }

  measure(fromUs: number): void {
    this.#measuredFromUs = fromUs;
  }

  async settle(expected: number): Promise<DoorClientsAnswer> {
    const least = (): number => Math.min(...this.#counts);
    while (least() < expected && performance.now() - this.#lastMs < QUIET_MS) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return {
      received: this.#counts.reduce((sum, count) => sum + count, 0),
      least: least(),
      most: Math.max(...this.#counts),
      failures: this.#failures,
      latency: latencyOf(this.#histogram),
    };
  }

  async #webSocket(i: number): Promise<void> {
    const { port, topic, fields } = this.#setting;
    const begun = Promise.withResolvers<void>();
    const connection = await ClientConnection.open(port, false, {
      onEvents: (frame) => this.#onMessages(i, frame),
      onEventsHead: () => undefined,
      onControl: ({ type }) => {
        if (type === 'subscribed') begun.resolve();
      },
      onLost: (why) => {
        this.#failures += 1;
        begun.reject(new Error(why));
      },
    });
    connection.send({ type: 'subscribe', id: 's', topic, fields });
    await begun.promise;
  }

  #stream(i: number): Promise<void> {
    const { port, topic, fields } = this.#setting;
    const url = `http://127.0.0.1:${port}/v1/topics/${topic}/events?fields=${fields.join(',')}`;
    const begun = Promise.withResolvers<void>();
    const fail = (why: string): void => {
      this.#failures += 1;
      begun.reject(new Error(why));
    };
    let rest: Buffer = Buffer.alloc(0);
    get(url, { agent: false, headers: { accept: 'text/event-stream' } }, (response) => {
      response.on('data', (bytes: Buffer) => {
        const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
        const end = all.lastIndexOf(MESSAGE_END) + MESSAGE_END.length;
        rest = end < MESSAGE_END.length ? all : Buffer.from(all.subarray(end));
        if (end < MESSAGE_END.length) return;
        if (all.includes('event: subscribed')) begun.resolve();
        this.#onMessages(i, all.subarray(0, end));
      });
      response.on('close', () => fail('a stream has ended'));
    }).on('error', (error) => fail(error.message));
    return begun.promise;
  }

  #onMessages(i: number, bytes: Buffer): void {
    this.#lastMs = performance.now();
    const arrivedUs = nowUs();
    const isMeasured = i % MEASURED_EVERY === 0;
    readTimestamps(bytes, (timestampUs) => {
      this.#counts[i] = (this.#counts[i] ?? 0) + 1;
      if (isMeasured && timestampUs >= this.#measuredFromUs) record(this.#histogram, arrivedUs - timestampUs);
    });
  }
}

void runPart(async () => {
  const clients = new DoorClients(partSetting<DoorClientsSetting>());
  process.on('message', (message: PartMessage) => {
    if (message.kind === 'measure') clients.measure(Number(message.fromUs));
    else {
      void runPart(async () => tell({ kind: 'settled', ...(await clients.settle(Number(message.expected))) }));
    }
  });
  await clients.open();
  tell({ kind: 'ready' });
});
