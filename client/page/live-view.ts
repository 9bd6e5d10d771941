// What the page is for: pick a topic, type a filter, watch what matches. This file connects the parts; each part is a file of
// its own.

import type { Topic } from '../../schemas/api/topic.ts';
import { MdsError } from '../../schemas/errors.ts';
import { bearerFetch } from '../library/bearer-fetch.ts';
import { connect, type MdsClient, type Subscription, type SubscriptionStart } from '../library/index.ts';
import { RestClient } from '../library/rest.ts';
import { fieldsOf } from '../library/schema-fields.ts';
import { Charts } from './charts.ts';
import { showConnection } from './connection-panel.ts';
import { byId, element } from './dom.ts';
import { EventList } from './event-list.ts';
import { showFields } from './field-hints.ts';
import { type AppliedFilter, FilterBox } from './filter-box.ts';
import { showHealth } from './health-panel.ts';
import { Traffic } from './traffic.ts';

const CHART_INTERVAL_MS = 1000;
const TOPICS_RETRY_MS = 2000;
const HEALTH_INTERVAL_MS = 10_000;
const NARROW_PX = 900;

export interface LiveViewOptions {
  /** Null: authentication is off. */
  readonly key: string | null;
  /** The key is not good any more; everything has stopped. */
  readonly onRefused: () => void;
}

export class LiveView {
  readonly #rest: RestClient;
  readonly #client: MdsClient;
  readonly #filterBox: FilterBox;
  readonly #onRefused: () => void;
  readonly #picker = byId('topic', HTMLSelectElement);
  readonly #list = new EventList();
  readonly #charts = new Charts();
  readonly #traffic = new Traffic(Date.now(), Math.random);
  #topics: readonly Topic[] = [];
  #subscription: Subscription<unknown> | null = null;
  #start: SubscriptionStart | null = null;
  #following = '';

  constructor({ key, onRefused }: LiveViewOptions) {
    this.#onRefused = onRefused;
    this.#rest = new RestClient(location.origin, bearerFetch(key));
    this.#filterBox = new FilterBox(this.#rest, (applied) => this.#follow(applied));
    this.#client = connect({
      api: location.origin,
      ...(key === null ? {} : { credential: key }),
      onStateChange: (state) => {
        this.#showState();
        if (state.state === 'closed' && state.error?.code === 'MDS_UNAUTHENTICATED') this.#onRefused();
      },
    });
  }

  start(): void {
    this.#picker.addEventListener('change', () => this.#pick(this.#picker.value));
    setInterval(() => this.#charts.show(this.#traffic.series(Date.now())), CHART_INTERVAL_MS);
    addEventListener('pagehide', () => this.#client.close());
    // On a narrow screen the events come first; the panels open on request.
    if (innerWidth <= NARROW_PX) for (const panel of document.querySelectorAll('details')) panel.open = false;
    void this.#watchHealth();
    void this.#loadTopics();
  }

  #showState(): void {
    // connect() reports its first state before `#client` is there.
    queueMicrotask(() =>
      showConnection({
        client: this.#client.state,
        subscription: this.#subscription?.state ?? null,
        start: this.#start,
      }),
    );
  }

  /** Subscribes to the picked topic with a filter that was found valid. */
  #follow({ filter, channel }: AppliedFilter): void {
    const topic = this.#picker.value;
    writeAddress(topic, filter);
    if (this.#following === `${topic} ${channel}` || this.#client.state.state === 'closed') return;
    this.#following = `${topic} ${channel}`;
    this.#subscription?.unsubscribe();
    this.#start = null;
    this.#traffic.reset(Date.now());
    this.#charts.show(this.#traffic.series(Date.now()));
    this.#list.clear('Waiting for the first matching event…');
    const fresh = this.#client.subscribe(
      { topic, ...(filter === '' ? {} : { filter }), onState: () => this.#showState() },
      {
        onEvents: ({ events }) => {
          this.#list.add(events);
          for (const { times } of events) {
            const latencyMs = times.recordMs > 0 ? Math.max(0, times.receivedMs - times.recordMs) : null;
            this.#traffic.add(times.receivedMs, 1, latencyMs);
          }
        },
        onGap: ({ partition, message }) => this.#list.say(`Partition ${partition} lacks events: ${message}`),
        onEnd: (error) => {
          if (error === null || this.#subscription !== fresh) return;
          this.#following = '';
          this.#list.say(error instanceof Error ? error.message : String(error));
        },
      },
    );
    this.#subscription = fresh;
    fresh.ready.then(
      (confirmed) => {
        if (this.#subscription !== fresh) return;
        this.#start = confirmed;
        this.#showState();
      },
      () => this.#showState(), // onEnd has said why
    );
  }

  #pick(name: string): void {
    const topic = this.#topics.find((candidate) => candidate.name === name);
    if (!topic) return;
    this.#picker.value = name;
    const fields = fieldsOf(topic.schema);
    this.#list.setFields(fields);
    showFields(fields, (text) => this.#filterBox.insert(text));
    this.#filterBox.setTopic(name);
  }

  async #loadTopics(): Promise<void> {
    try {
      this.#topics = await this.#rest.topics();
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      this.#list.say(error.message);
      if (error.code !== 'MDS_UNAUTHENTICATED') setTimeout(() => void this.#loadTopics(), TOPICS_RETRY_MS);
      return;
    }
    if (this.#topics.length === 0) {
      this.#list.say('There are no topics yet. Create one with ', element('code', {}, 'mds topics create my.events'));
      this.#picker.replaceChildren(element('option', {}, 'No topics'));
      setTimeout(() => void this.#loadTopics(), TOPICS_RETRY_MS);
      return;
    }
    this.#picker.replaceChildren(...this.#topics.map(({ name }) => element('option', { value: name }, name)));
    this.#picker.disabled = false;
    const asked = new URLSearchParams(location.hash.slice(1));
    const filter = asked.get('filter');
    if (filter !== null) this.#filterBox.set(filter);
    this.#pick(this.#topics.find(({ name }) => name === asked.get('topic'))?.name ?? this.#topics[0]?.name ?? '');
  }

  async #watchHealth(): Promise<void> {
    try {
      showHealth(await this.#rest.health());
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      if (error.code === 'MDS_FORBIDDEN') {
        byId('health-panel', HTMLDetailsElement).hidden = true; // it is for admins
        return;
      }
      showHealth(null);
    }
    setTimeout(() => void this.#watchHealth(), HEALTH_INTERVAL_MS);
  }
}

/** The address names topic and filter, so that a view can be kept and shared; nothing else is ever in it. */
function writeAddress(topic: string, filter: string): void {
  const query = new URLSearchParams({ topic, ...(filter === '' ? {} : { filter }) });
  history.replaceState(null, '', `#${query}`);
}
