// Part: the subscribers. Every events frame is checked: its events against what is due on its channel, cursor by cursor. When
// a thousand connections share one channel, one of them is read so, and every frame of the others must be the same, byte for
// byte in its head (channel, partition, range, times) and in length.

import { crc32 } from 'node:zlib';
import { type PartMessage, partSetting, runPart, tell } from '../suites/ceilings/part.ts';
import { ClientConnection, type ControlFrame } from './client-connection.ts';
import type { SettledAnswer, SubscribersSetting } from './clients.ts';
import { type LoadEvent, templateEvents } from './events.ts';
import { readEvents, readHead } from './events-frame.ts';
import { ExpectedStream, expectedCount, type Faults, type Wanted, wantedBy } from './expectation.ts';
import { distinctFilter, EVERYTHING, type LoadFilter } from './filters.ts';
import { nowUs } from './histograms.ts';
import { Latencies } from './latencies.ts';

const CONNECTS_AT_ONCE = 50;
/** Nothing more came for so long: what is missing is lost. */
const QUIET_MS = 4000;
const SETTLE_POLL_MS = 20;
/** Of the connections that share a channel, each so manieth is measured; frames reach them in the order of connection. */
const MEASURED_EVERY = 16;

class Subscribers {
  readonly #setting: SubscribersSetting;
  readonly #templates: readonly (readonly LoadEvent[])[];
  readonly #connections: ClientConnection[] = [];
  readonly #latencies = new Latencies();
  readonly #failures = new Map<string, number>();
  readonly #faults: Faults = { lost: 0, unexpected: 0 };
  /** By channel: which of its events are due, in each partition. */
  readonly #streams = new Map<string, ExpectedStream[]>();
  readonly #channelsByConnection: Map<string, ExpectedStream[]>[] = [];
  readonly #shared = new SharedFrames();
  readonly #wanted: Wanted[] = [];
  #awaited = 0;
  #subscribed = Promise.withResolvers<void>();
  #received = 0;
  #lastFrameMs = performance.now();

  constructor(setting: SubscribersSetting) {
    this.#setting = setting;
    this.#templates = templateEvents(setting.shape);
  }

  async connect(): Promise<void> {
    const { connections, port } = this.#setting;
    for (let made = 0; made < connections; made += CONNECTS_AT_ONCE) {
      const some = Math.min(CONNECTS_AT_ONCE, connections - made);
      const opened = Array.from({ length: some }, (_, i) => this.#open(port, made + i));
      this.#connections.push(...(await Promise.all(opened)));
    }
  }

  async subscribe(): Promise<void> {
    const { subscriptionsPerConnection, filters, topic, fields } = this.#setting;
    this.#awaited = this.#connections.length * subscriptionsPerConnection;
    this.#connections.forEach((connection, i) => {
      for (let j = 0; j < subscriptionsPerConnection; j++) {
        const filter = this.#filterOf(i, j);
        connection.send({ type: 'subscribe', id: String(j), topic, filter: filter.cel, ...(fields ? { fields } : {}) });
      }
    });
    const timeout = setTimeout(
      () => this.#subscribed.reject(new Error(`${this.#awaited} subscriptions were not answered (${filters})`)),
      40_000,
    );
    await this.#subscribed.promise.finally(() => clearTimeout(timeout));
  }

  measure(fromUs: number, toUs: number): void {
    this.#latencies.begin(fromUs, toUs);
  }

  /** Waits for what is due of these records, and says what came of it. */
  async settle(recordsByPartition: readonly number[], expected: number): Promise<SettledAnswer> {
    while (this.#receivedInAll() < expected && performance.now() - this.#lastFrameMs < QUIET_MS) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
    }
    const missing = this.#missing(recordsByPartition);
    return {
      received: this.#receivedInAll(),
      lost: this.#faults.lost + missing,
      unexpected: this.#faults.unexpected + this.#shared.differing,
      failures: [...this.#failures].map(([why, times]) => (times === 1 ? why : `${times} × ${why}`)),
      receivedBytes: this.#connections.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
      ...this.#latencies.result(),
    };
  }

  /** For the checks: how many deliveries there must be for these records. */
  expected(recordsByPartition: readonly number[]): number {
    const { shape, connections } = this.#setting;
    const perChannel = (wanted: Wanted): number => expectedCount(wanted, shape, recordsByPartition);
    if (this.#setting.filters === 'everything') return connections * perChannel(wantedBy(EVERYTHING, this.#templates));
    return this.#wanted.reduce((sum, wanted) => sum + perChannel(wanted), 0);
  }

  #filterOf(connection: number, j: number): LoadFilter {
    const { filters, shape, subscriptionsPerConnection, firstConnection } = this.#setting;
    if (filters === 'everything') return EVERYTHING;
    return distinctFilter((firstConnection + connection) * subscriptionsPerConnection + j, shape);
  }

  async #open(port: number, i: number): Promise<ClientConnection> {
    const isShared = this.#setting.filters === 'everything';
    const isLight = isShared && i > 0;
    const isMeasured = i % MEASURED_EVERY === 0;
    this.#channelsByConnection[i] = new Map();
    let frames = 0;
    return ClientConnection.open(port, isLight, {
      onEvents: (frame) => {
        const arrivedUs = nowUs();
        this.#lastFrameMs = performance.now();
        const times = this.#readFrame(frame, i, arrivedUs);
        if (isShared) this.#shared.describe(frames++, frame, frame.length, times);
      },
      onEventsHead: (head, length) => {
        this.#lastFrameMs = performance.now();
        this.#shared.check(frames++, head, length, isMeasured ? nowUs() : 0, this.#latencies);
      },
      onControl: (frame) => this.#onControl(frame, i),
      onLost: (why) => this.#fail(why),
    });
  }

  /** @returns the intended times of the frame's events, with how many there were of each */
  #readFrame(frame: Buffer, connection: number, arrivedUs: number): [timestampUs: number, count: number][] {
    const head = readHead(frame);
    const stream = this.#channelsByConnection[connection]?.get(head.channel)?.[head.partition];
    const times: [number, number][] = [];
    const count = readEvents(frame, (offset, index, timestampUs) => {
      stream?.take(offset, index);
      const last = times.at(-1);
      if (last && last[0] === timestampUs) last[1]++;
      else times.push([timestampUs, 1]);
    });
    for (const [timestampUs, some] of times) this.#latencies.record(timestampUs, arrivedUs, some);
    this.#latencies.recordStages(head, times[0]?.[0] ?? 0, arrivedUs);
    if (!stream) this.#fail('events of a channel nobody asked for');
    this.#received += count;
    return times;
  }

  #onControl(frame: ControlFrame, connection: number): void {
    if (frame.type === 'subscribed') {
      const isRead = this.#setting.filters === 'distinct' || connection === 0;
      if (isRead) this.#expectOn(connection, Number(frame.id), String(frame.channel));
      if (--this.#awaited === 0) this.#subscribed.resolve();
    } else if (frame.type === 'error' || frame.type === 'goodbye') {
      this.#fail(`${frame.type} ${String(frame.code)}`);
      this.#subscribed.reject(new Error(`${frame.type}: ${JSON.stringify(frame)}`));
    }
  }

  #expectOn(connection: number, j: number, channel: string): void {
    const { shape } = this.#setting;
    const wanted = wantedBy(this.#filterOf(connection, j), this.#templates);
    this.#wanted.push(wanted);
    const streams = Array.from(
      { length: shape.partitions },
      (_, partition) => new ExpectedStream(wanted, shape, partition, 0, this.#faults),
    );
    this.#channelsByConnection[connection]?.set(channel, streams);
    this.#streams.set(`${connection} ${channel}`, streams);
  }

  #receivedInAll(): number {
    return this.#received + this.#shared.received;
  }

  #missing(recordsByPartition: readonly number[]): number {
    let count = 0;
    for (const streams of this.#streams.values()) {
      streams.forEach((stream, partition) => {
        count += stream.missing(recordsByPartition[partition] ?? 0);
      });
    }
    return count;
  }

  #fail(why: string): void {
    this.#failures.set(why, (this.#failures.get(why) ?? 0) + 1);
  }
}

/** Frames of one channel as its first connection read them; the n-th frame of every other must look the same. */
class SharedFrames {
  readonly #signatures: number[] = [];
  readonly #counts: number[] = [];
  readonly #times: [timestampUs: number, count: number][][] = [];
  /** Of frames that came before the first connection had them. */
  readonly #early: { n: number; signature: number; arrivedUs: number; latencies: Latencies }[] = [];
  received = 0;
  differing = 0;

  describe(n: number, frame: Buffer, length: number, times: [number, number][]): void {
    this.#signatures[n] = signatureOf(frame, length);
    this.#counts[n] = times.reduce((sum, [, count]) => sum + count, 0);
    this.#times[n] = times;
    if (this.#early.length === 0) return;
    for (const early of this.#early.splice(0))
      this.#compare(early.n, early.signature, early.arrivedUs, early.latencies);
  }

  /** @param arrivedUs 0: this connection is not measured */
  check(n: number, head: Buffer, length: number, arrivedUs: number, latencies: Latencies): void {
    this.#compare(n, signatureOf(head, length), arrivedUs, latencies);
  }

  #compare(n: number, signature: number, arrivedUs: number, latencies: Latencies): void {
    const known = this.#signatures[n];
    if (known === undefined) {
      this.#early.push({ n, signature, arrivedUs, latencies });
      return;
    }
    if (known !== signature) this.differing++;
    else this.received += this.#counts[n] ?? 0;
    if (arrivedUs > 0) for (const [us, count] of this.#times[n] ?? []) latencies.record(us, arrivedUs, count);
  }
}

const SIGNED_BYTES = 200;

/** Channel, partition, range, times and length: equal for the same frame, different for any other. */
const signatureOf = (frame: Buffer, length: number): number =>
  crc32(frame.subarray(0, Math.min(SIGNED_BYTES, length)), length);

void runPart(async () => {
  const subscribers = new Subscribers(partSetting<SubscribersSetting>());
  process.on('message', (message: PartMessage) => {
    if (message.kind === 'measure') {
      subscribers.measure(Number(message.fromUs), Number(message.toUs));
      tell({ kind: 'measuring' });
    } else void runPart(() => settle(message.recordsByPartition as number[])); // sent by load-generator.ts
  });
  await subscribers.connect();
  await subscribers.subscribe();
  tell({ kind: 'subscribed', pid: process.pid });

  async function settle(recordsByPartition: readonly number[]): Promise<void> {
    const expected = subscribers.expected(recordsByPartition);
    tell({ kind: 'settled', expected, ...(await subscribers.settle(recordsByPartition, expected)) });
  }
});
