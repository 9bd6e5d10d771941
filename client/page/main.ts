// The page: pick a topic, type a filter, watch what matches. This file connects the parts; each part is a file of its own.

import type { Topic } from '../../schemas/api/topic.ts';
import { MdsError } from '../../schemas/errors.ts';
import { connect, type Subscription, type SubscriptionStart } from '../library/index.ts';
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

const rest = new RestClient(location.origin);
const picker = byId('topic', HTMLSelectElement);
const list = new EventList();
const charts = new Charts();
const traffic = new Traffic(Date.now(), Math.random);
const client = connect({ api: location.origin, onStateChange: () => showState() });
const filterBox = new FilterBox(rest, (applied) => follow(applied));

let topics: readonly Topic[] = [];
let subscription: Subscription<unknown> | null = null;
let start: SubscriptionStart | null = null;
let following = '';

function showState(): void {
  // connect() reports its first state before `client` is there.
  queueMicrotask(() => showConnection({ client: client.state, subscription: subscription?.state ?? null, start }));
}

/** Subscribes to the picked topic with a filter that was found valid. */
function follow({ filter, channel }: AppliedFilter): void {
  const topic = picker.value;
  writeAddress(topic, filter);
  if (following === `${topic} ${channel}`) return;
  following = `${topic} ${channel}`;
  subscription?.unsubscribe();
  start = null;
  traffic.reset(Date.now());
  charts.show(traffic.series(Date.now()));
  list.clear('Waiting for the first matching event…');
  const fresh = client.subscribe(
    { topic, ...(filter === '' ? {} : { filter }), onState: () => showState() },
    {
      onEvents: ({ events }) => {
        list.add(events);
        for (const { times } of events) {
          const latencyMs = times.recordMs > 0 ? Math.max(0, times.receivedMs - times.recordMs) : null;
          traffic.add(times.receivedMs, 1, latencyMs);
        }
      },
      onGap: ({ partition, message }) => list.say(`Partition ${partition} lacks events: ${message}`),
      onEnd: (error) => {
        if (error === null || subscription !== fresh) return;
        following = '';
        list.say(error instanceof Error ? error.message : String(error));
      },
    },
  );
  subscription = fresh;
  fresh.ready.then(
    (confirmed) => {
      if (subscription !== fresh) return;
      start = confirmed;
      showState();
    },
    () => showState(), // onEnd has said why
  );
}

function pick(name: string): void {
  const topic = topics.find((candidate) => candidate.name === name);
  if (!topic) return;
  picker.value = name;
  const fields = fieldsOf(topic.schema);
  list.setFields(fields);
  showFields(fields, (text) => filterBox.insert(text));
  filterBox.setTopic(name);
}

/** The address names topic and filter, so that a view can be kept and shared. */
function writeAddress(topic: string, filter: string): void {
  const query = new URLSearchParams({ topic, ...(filter === '' ? {} : { filter }) });
  history.replaceState(null, '', `#${query}`);
}

async function loadTopics(): Promise<void> {
  try {
    topics = await rest.topics();
  } catch (error) {
    if (!(error instanceof MdsError)) throw error;
    list.say(error.message);
    setTimeout(() => void loadTopics(), TOPICS_RETRY_MS);
    return;
  }
  if (topics.length === 0) {
    list.say('There are no topics yet. Create one with ', element('code', {}, 'mds topics create my.events'));
    picker.replaceChildren(element('option', {}, 'No topics'));
    setTimeout(() => void loadTopics(), TOPICS_RETRY_MS);
    return;
  }
  picker.replaceChildren(...topics.map(({ name }) => element('option', { value: name }, name)));
  picker.disabled = false;
  const asked = new URLSearchParams(location.hash.slice(1));
  const filter = asked.get('filter');
  if (filter !== null) filterBox.set(filter);
  pick(topics.find(({ name }) => name === asked.get('topic'))?.name ?? topics[0]?.name ?? '');
}

async function watchHealth(): Promise<void> {
  try {
    showHealth(await rest.health());
  } catch (error) {
    if (!(error instanceof MdsError)) throw error;
    showHealth(null);
  }
  setTimeout(() => void watchHealth(), HEALTH_INTERVAL_MS);
}

picker.addEventListener('change', () => pick(picker.value));
setInterval(() => charts.show(traffic.series(Date.now())), CHART_INTERVAL_MS);
addEventListener('pagehide', () => client.close());
// On a narrow screen the events come first; the panels open on request.
if (innerWidth <= NARROW_PX) for (const panel of document.querySelectorAll('details')) panel.open = false;
void watchHealth();
void loadTopics();
