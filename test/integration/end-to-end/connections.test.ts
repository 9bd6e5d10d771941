// An operator looks at the clients of two edges and disconnects some: whoever may resume misses nothing, whoever may not
// stays away.

import t from 'tap';
import type { ConnectionDetail, ConnectionSummary } from '../../../schemas/connection-control.ts';
import { runMds } from '../../client/command/run-mds.ts';
import { closeAll } from '../harness/close-all.ts';
import { settled, startEventStream } from '../harness/event-stream.ts';
import { faultsOf, NO_FAULTS } from '../harness/ledger.ts';
import { LibrarySubscriber } from '../harness/library-subscriber.ts';
import { MEASUREMENT_SCHEMA } from '../harness/measurement.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';

const TIMEOUT_MS = 40_000;
const CLIENTS_OF_EACH = 3;
const EVERYTHING = { cel: '', matches: () => true };

t.setTimeout(180_000);

interface Page {
  readonly items: readonly ConnectionSummary[];
  readonly nextPageToken: string | null;
  readonly missingEdges: readonly string[];
}

t.test('clients of two edges are listed, inspected and disconnected', async (t) => {
  const service = await startService(t, { workers: 1, edges: 2 });
  const topic = await service.createTopic({ name: 'connections', partitions: 2, schema: MEASUREMENT_SCHEMA });
  const mds = (...args: string[]) => runMds(['--api', service.api.url, ...args]);
  const edges = (await service.api.status()).edges;
  t.equal(edges.length, 2);
  const subscribers = edges.flatMap(({ clientUrl }) =>
    Array.from({ length: CLIENTS_OF_EACH }, () => {
      return new LibrarySubscriber({ connect: { url: clientUrl }, topic: topic.name });
    }),
  );
  t.teardown(() => closeAll(subscribers));
  await Promise.all(subscribers.map((subscriber) => subscriber.open()));
  const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
  const stream = await startEventStream({ brokers, topic, eventsPerSecond: 200 });
  t.teardown(() => stream.close());
  await until('events', TIMEOUT_MS, () => subscribers.every(({ received }) => received.length > 20));

  const first = await service.api.get<Page>(`/v1/connections?limit=4&topic=${topic.name}`);
  t.equal(first.items.length, 4);
  const rest = await service.api.get<Page>(
    `/v1/connections?limit=4&topic=${topic.name}&pageToken=${first.nextPageToken}`,
  );
  const all = [...first.items, ...rest.items];
  t.same([rest.nextPageToken, rest.missingEdges], [null, []]);
  t.equal(new Set(all.map(({ id }) => id)).size, 2 * CLIENTS_OF_EACH, 'each once');
  t.same([...new Set(all.map(({ edgeId }) => edgeId))], edges.map(({ edgeId }) => edgeId).sort());
  t.match(all[0], { tenant: 'default', subject: 'open', peer: '127.0.0.1', door: 'websocket', topics: [topic.name] });

  const [chosen] = all;
  if (!chosen) throw new Error('nobody is connected');
  const detail = await service.api.get<ConnectionDetail>(`/v1/connections/${chosen.id}`);
  t.match(detail.shown, [{ kind: 'shared', topic: topic.name, state: 'live', filter: '' }]);
  t.ok((detail.shown[0]?.deliveredEvents ?? 0) > 20, 'deliveries are counted');
  t.ok(detail.latencyMs !== null && detail.sentBytes > 0);
  const shown = await mds('connections', 'show', chosen.id);
  t.match(shown.stdout, `${chosen.id}: open of tenant default, from 127.0.0.1 by websocket (json)`);
  const listed = await mds('connections', 'list', '--topic', topic.name, '--limit', '2');
  t.match([listed.code, listed.stderr], [0, /more than 2/], listed.stderr);

  const closed = await mds('connections', 'disconnect', chosen.id);
  t.match(closed.stdout, `disconnected ${chosen.id}`);
  await until('one to come back', TIMEOUT_MS, () => subscribers.some(({ reconnects }) => reconnects === 1));
  const again = await mds('connections', 'disconnect', chosen.id);
  t.match([again.code, again.stderr], [1, /no connection/]);

  const [first2 = ''] = edges.map(({ edgeId }) => edgeId).sort();
  const allOfOne = await mds('connections', 'disconnect', '--edge', first2, '--json');
  t.match(JSON.parse(allOfOne.stdout), { disconnected: CLIENTS_OF_EACH, missingEdges: [] });
  await stream.stop();
  for (const { received, start, gaps } of subscribers) {
    const ledger = await settled({ stream, filter: EVERYTHING, received, after: start, timeoutMs: TIMEOUT_MS });
    t.same(faultsOf(ledger), NO_FAULTS, 'whoever was disconnected resumed without a loss');
    t.same(gaps, []);
  }

  // a client that had everything when it was disconnected is settled before it is back
  const connected = async () => (await service.api.get<Page>(`/v1/connections?topic=${topic.name}`)).items.length;
  await until('all to be back', TIMEOUT_MS, async () => (await connected()) === subscribers.length);
  const final = await mds('connections', 'disconnect', '--topic', topic.name, '--for-good', '--json');
  t.match(JSON.parse(final.stdout), { disconnected: 2 * CLIENTS_OF_EACH });
  await until('all to have ended', TIMEOUT_MS, () => subscribers.every(({ error }) => error !== null));
  t.match(
    subscribers.map(({ error }) => error),
    subscribers.map(() => ({ code: 'MDS_CONNECTION_REFUSED' })),
  );
  t.match(await service.api.get<Page>('/v1/connections'), { items: [], missingEdges: [] });
});
