// Part: clients that subscribe and unsubscribe all the time, each subscription with a filter that nobody else has, on a
// schedule that does not wait for answers. What arrives is checked from the start position that `subscribed` names: nothing
// of it may be missing, and nothing may come that does not follow it.

import { END_OF_RECORD } from '../../schemas/cursor.ts';
import { decodeResumeToken } from '../../schemas/resume-token.ts';
import { type PartMessage, partSetting, runPart, tell } from '../suites/ceilings/part.ts';
import type { ChurnAnswer, ChurnSetting } from './churn.ts';
import { ClientConnection, type ControlFrame } from './client-connection.ts';
import { type LoadEvent, templateEvents } from './events.ts';
import { readEvents, readHead } from './events-frame.ts';
import { ExpectedStream, type Faults, wantedBy } from './expectation.ts';
import { distinctFilter } from './filters.ts';
import { latencyOf, newHistogram, nowUs, record } from './histograms.ts';

interface Live {
  readonly number: number;
  readonly askedUs: number;
  streams: readonly ExpectedStream[] | null;
}

class Churn {
  readonly #setting: ChurnSetting;
  readonly #templates: readonly (readonly LoadEvent[])[];
  readonly #connections: ClientConnection[] = [];
  /** By connection: subscriptions by id, and by channel once that is known. */
  readonly #live: Map<string, Live>[] = [];
  readonly #byChannel: Map<string, Live>[] = [];
  readonly #latency = newHistogram();
  readonly #faults: Faults = { lost: 0, unexpected: 0 };
  readonly #failures = new Map<string, number>();
  #subscribed = 0;
  #events = 0;

  constructor(setting: ChurnSetting) {
    this.#setting = setting;
    this.#templates = templateEvents(setting.shape);
  }

  async connect(): Promise<void> {
    for (let i = 0; i < this.#setting.connections; i++) {
      this.#live[i] = new Map();
      this.#byChannel[i] = new Map();
      this.#connections.push(
        await ClientConnection.open(this.#setting.port, false, {
          onEvents: (frame) => this.#onEvents(frame, i),
          onEventsHead: () => undefined,
          onControl: (frame) => this.#onControl(frame, i),
          onLost: (why) => this.#fail(why),
        }),
      );
    }
  }

  /** @param measuredFrom subscriptions before this one are warm-up */
  async run(startUs: number, perSecond: number, count: number, measuredFrom: number): Promise<ChurnAnswer> {
    const lifeSteps = Math.round((this.#setting.lifeMs / 1000) * perSecond);
    for (let n = 0; n < count + lifeSteps; ) {
      const due = Math.min(count + lifeSteps, Math.floor(((nowUs() - startUs) / 1e6) * perSecond) + 1);
      for (; n < due; n++) {
        if (n < count) this.#subscribe(n, n >= measuredFrom ? startUs + (n / perSecond) * 1e6 : 0);
        if (n >= lifeSteps) this.#unsubscribe(n - lifeSteps);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await new Promise((resolve) => setTimeout(resolve, 1000)); // answers on their way
    const unanswered = this.#live.reduce((sum, live) => sum + live.size, 0);
    if (unanswered > 0) this.#fail(`${unanswered} subscriptions were not answered`);
    return {
      asked: count,
      subscribed: this.#subscribed,
      events: this.#events,
      ...this.#faults,
      failures: [...this.#failures].map(([why, times]) => `${times} × ${why}`),
      latency: latencyOf(this.#latency),
    };
  }

  #subscribe(number: number, askedUs: number): void {
    const i = number % this.#connections.length;
    const { topic, shape } = this.#setting;
    this.#live[i]?.set(String(number), { number, askedUs, streams: null });
    const filter = distinctFilter(number, shape).cel;
    this.#connections[i]?.send({ type: 'subscribe', id: String(number), topic, filter });
  }

  #unsubscribe(number: number): void {
    const i = number % this.#connections.length;
    this.#connections[i]?.send({ type: 'unsubscribe', id: String(number) });
  }

  #onControl(frame: ControlFrame, i: number): void {
    const id = String(frame.id);
    if (frame.type === 'subscribed') this.#onSubscribed(id, String(frame.channel), String(frame.position), i);
    else if (frame.type === 'unsubscribed') this.#live[i]?.delete(id);
    else if (frame.type === 'error' || frame.type === 'goodbye') this.#fail(`${frame.type} ${String(frame.code)}`);
  }

  #onSubscribed(id: string, channel: string, token: string, i: number): void {
    const live = this.#live[i]?.get(id);
    if (!live) return;
    this.#subscribed++;
    if (live.askedUs > 0) record(this.#latency, nowUs() - live.askedUs);
    const { shape } = this.#setting;
    const wanted = wantedBy(distinctFilter(live.number, shape), this.#templates);
    const { position } = decodeResumeToken(token);
    live.streams = Array.from({ length: shape.partitions }, (_, partition) => {
      const start = position.get(partition);
      if (start?.index !== END_OF_RECORD) this.#fail('a start position inside a record, or without a partition');
      return new ExpectedStream(wanted, shape, partition, (start?.offset ?? -1) + 1, this.#faults);
    });
    this.#byChannel[i]?.set(channel, live);
  }

  #onEvents(frame: Buffer, i: number): void {
    const head = readHead(frame);
    const live = this.#byChannel[i]?.get(head.channel);
    const stream = live?.streams?.[head.partition];
    if (!stream) this.#fail('events of a channel nobody asked for');
    this.#events += readEvents(frame, (offset, index) => stream?.take(offset, index));
  }

  #fail(why: string): void {
    this.#failures.set(why, (this.#failures.get(why) ?? 0) + 1);
  }
}

void runPart(async () => {
  const churn = new Churn(partSetting<ChurnSetting>());
  await churn.connect();
  process.on('message', ({ startUs, perSecond, count, measuredFrom }: PartMessage) => {
    void runPart(async () => {
      const answer = await churn.run(Number(startUs), Number(perSecond), Number(count), Number(measuredFrom));
      tell({ kind: 'done', ...answer });
    });
  });
  tell({ kind: 'ready' });
});
