// A tenant that goes about its business while another one floods: it asks the REST API, and is subscribed to a topic into which
// events come steadily. How long it waits for both is measured.

import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { startFlow } from '../../integration/harness/pace.ts';
import { percentile } from '../../integration/harness/percentile.ts';
import { TestProducer } from '../../integration/harness/producer.ts';
import type { TopicInfo } from '../../integration/harness/rest-client.ts';
import { until } from '../../integration/harness/until.ts';
import { ask, type GuardedService } from '../harness/guarded-service.ts';

export interface Waits {
  readonly events: number;
  readonly eventP99Ms: number;
  readonly requests: number;
  readonly requestP99Ms: number;
  /** Statuses other than 200. */
  readonly refused: readonly number[];
}

const EVENTS_PER_SECOND = 50;
const REQUESTS_PER_SECOND = 50;
const ARRIVAL_TIMEOUT_MS = 20_000;

interface Numbered {
  readonly id: string;
  readonly sentMs: number;
}

export class Bystander {
  readonly #guarded: GuardedService;
  readonly #credential: string;
  readonly #producer: TestProducer<Numbered>;
  readonly #topic: TopicInfo;
  readonly #received: { readonly id: number; readonly tookMs: number }[] = [];
  #sent = 0;
  closeCode: number | null = null;

  private constructor(guarded: GuardedService, credential: string, producer: TestProducer<Numbered>, topic: TopicInfo) {
    this.#guarded = guarded;
    this.#credential = credential;
    this.#producer = producer;
    this.#topic = topic;
  }

  static async create(t: Test, guarded: GuardedService): Promise<Bystander> {
    const tenant = await guarded.newTenant('bystander');
    const { credential } = await guarded.newKey({ tenant, roles: ['admin'] });
    const fields = [
      { name: 'id', type: 'string' },
      { name: 'sentMs', type: 'double' },
    ];
    const wish = { name: `${tenant}-numbers`, partitions: 1, schema: { type: 'record', name: 'Numbered', fields } };
    const topic: TopicInfo = await guarded.must('POST', '/v1/topics', wish, credential);
    const producer = await TestProducer.connect<Numbered>(guarded.service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
    t.teardown(() => producer.close());
    const bystander = new Bystander(guarded, credential, producer, topic);
    await bystander.#subscribe(t);
    return bystander;
  }

  /** Each number that was sent, once and in order. */
  get isComplete(): boolean {
    return this.#received.length === this.#sent && this.#received.every(({ id }, at) => id === at);
  }

  async waits(ms: number): Promise<Waits> {
    const first = this.#received.length;
    const tookMs: number[] = [];
    const refused: number[] = [];
    const events = startFlow(EVENTS_PER_SECOND, (count) => this.#produce(count), { maxAtOnce: 5 });
    const requests = startFlow(REQUESTS_PER_SECOND, async () => {
      const startedMs = performance.now();
      const { status } = await ask(this.#guarded.url, 'GET', '/v1/topics', { credential: this.#credential });
      if (status !== 200) refused.push(status);
      tookMs.push(performance.now() - startedMs);
    });
    const endMs = performance.now() + ms;
    await until('the measurement to be over', ms + 1000, () => performance.now() >= endMs);
    await Promise.all([events.stop(), requests.stop()]);
    await until(
      'all events',
      ARRIVAL_TIMEOUT_MS,
      () => this.#received.length >= this.#sent,
      () => `${this.#received.length} of ${this.#sent}; closed: ${this.closeCode}`,
    );
    const arrived = this.#received.slice(first).map((event) => event.tookMs);
    return {
      ...{ events: arrived.length, eventP99Ms: percentile(arrived, 99) },
      ...{ requests: tookMs.length, requestP99Ms: percentile(tookMs, 99), refused },
    };
  }

  async #produce(count: number): Promise<void> {
    for (let left = count; left > 0; left--) {
      await this.#producer.send({ partition: 0, events: [{ id: String(this.#sent++), sentMs: Date.now() }] });
    }
  }

  async #subscribe(t: Test): Promise<void> {
    await this.#guarded.isKnownAtEdge(this.#credential, true);
    const { clientUrl } = this.#guarded.service.edge(0);
    const socket = new WebSocket(clientUrl, 'mds.v1.json', {
      headers: { Authorization: `Bearer ${this.#credential}` },
    });
    t.teardown(() => socket.terminate());
    let isLive = false;
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data));
      if (frame.type === 'subscribed') isLive = true;
      if (frame.type !== 'events') return;
      for (const { data: event } of frame.events) {
        this.#received.push({ id: Number(event.id), tookMs: Date.now() - event.sentMs });
      }
    });
    socket.on('close', (code) => {
      this.closeCode = code;
    });
    socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', id: 'a', topic: this.#topic.name })));
    await until('the subscription', ARRIVAL_TIMEOUT_MS, () => isLive);
  }
}
