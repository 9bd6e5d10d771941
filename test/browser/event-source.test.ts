// A browser's own EventSource on a real edge that is killed under flow: nothing but the browser keeps the last event id, and
// comes back with it.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { decodeResumeToken } from '../../schemas/resume-token.ts';
import { settled, startEventStream } from '../integration/harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS, type ReceivedEvent } from '../integration/harness/ledger.ts';
import { MEASUREMENT_SCHEMA, type ModelledFilter } from '../integration/harness/measurement.ts';
import { startService } from '../integration/harness/service.ts';
import { httpUrlOf } from '../integration/harness/stream-subscriber.ts';
import { until } from '../integration/harness/until.ts';
import { findChromium, startBrowser } from './browser.ts';

const EVENTS_PER_SECOND = 500;
const KILLS = 3;
const TIMEOUT_MS = 60_000;
const FILTER: ModelledFilter = { cel: 'active', matches: ({ active }) => active };

const chromium = findChromium();
if (chromium === null) throw new Error('this test needs chromium on the PATH');

/** What the page below keeps. */
interface Seen {
  readonly messages: { readonly cursor: readonly [number, number, number]; readonly event: unknown }[];
  readonly starts: string[];
  readonly errors: unknown[];
  readonly source: EventSource;
}

declare global {
  /** Of the page. */
  var seen: Seen;
}

t.setTimeout(240_000);

t.test('an EventSource gets each event once over kills of the edge', async (t) => {
  const service = await startService(t);
  const topic = await service.createTopic({ name: 'sse-browser', partitions: 4, schema: MEASUREMENT_SCHEMA });
  const page = await pageOf(t);
  const url = `${httpUrlOf(service.edge(0).clientUrl)}/v1/topics/${topic.name}/events?filter=${FILTER.cel}`;
  await page.evaluate((eventsUrl) => {
    const source = new EventSource(eventsUrl);
    globalThis.seen = { messages: [], starts: [], errors: [], source };
    source.onmessage = ({ data }) => void seen.messages.push(JSON.parse(data));
    source.addEventListener('subscribed', ({ lastEventId }) => void seen.starts.push(lastEventId));
    source.addEventListener('gap', ({ data }) => void seen.errors.push(JSON.parse(data)));
    source.onerror = (event) => {
      if (event instanceof MessageEvent) seen.errors.push(JSON.parse(event.data));
    };
  }, url);
  const received: ReceivedEvent[] = [];
  /** Takes from the page what it has heard since. */
  const take = async (): Promise<number> => {
    const heard = await page.evaluate(() => seen.messages.splice(0));
    for (const { cursor, event } of heard) {
      received.push({ partition: cursor[0], offset: cursor[1], index: cursor[2], data: event });
    }
    return received.length;
  };
  const startsOf = (): Promise<string[]> => page.evaluate(() => seen.starts);
  await until('the stream to begin', TIMEOUT_MS, async () => (await startsOf()).length > 0);
  const [first = ''] = await startsOf();
  const stream = await startEventStream({
    ...{ brokers: service.stack.env.MDS_KAFKA_BROKERS ?? '', topic, eventsPerSecond: EVENTS_PER_SECOND },
  });
  t.teardown(() => stream.close());
  for (let kill = 0; kill < KILLS; kill++) {
    const target = received.length + 200;
    await until('more events', TIMEOUT_MS, async () => (await take()) >= target);
    await service.edge(0).end('SIGKILL');
    await service.edge(0).start();
  }
  await until('it to have come back', TIMEOUT_MS, async () => (await startsOf()).length > KILLS);
  await stream.stop();
  const expected = stream.producer.produced.filter(({ event }) => FILTER.matches(event)).length;
  await until('all of it', TIMEOUT_MS, async () => (await take()) >= expected).catch(() => undefined); // the ledger says
  const ledger = await settled({ stream, filter: FILTER, received, after: decodeResumeToken(first).position });
  t.comment(`${KILLS} kills -9 of the edge: ${ledgerText(ledger)}`);
  t.same(faultsOf(ledger), NO_FAULTS);
  t.comment(`told besides: ${JSON.stringify(await page.evaluate(() => seen.errors))}`);
  t.equal(await page.evaluate(() => seen.source.readyState), 1, 'it is still open');
});

/** A page of another origin than the edge, as dashboards are. */
async function pageOf(t: Test): Promise<Page> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>events</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // of a server on TCP
  const browser = await startBrowser(chromium ?? '');
  t.teardown(async () => {
    await browser.close();
    server.closeAllConnections();
    server.close();
  });
  const page = await browser.context.newPage();
  await page.goto(`http://127.0.0.1:${port}/`);
  return page;
}
