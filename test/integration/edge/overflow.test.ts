// Clients that stop reading, each with another overflow policy, among clients that keep up: what is left out is told exactly,
// what is latest comes, and nobody else notices.

import t from 'tap';
import { faultsOf, ledgerText, NO_FAULTS, type ReceivedEvent, settle } from '../harness/ledger.ts';
import { aMeasurement, MEASUREMENT_SCHEMA, type Measurement } from '../harness/measurement.ts';
import { type ProducedEvent, TestProducer } from '../harness/producer.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { PolicyReader, refusalOf } from './policy-reader.ts';

const FAST_CLIENTS = 5;
/** About 50 MB of JSON: far more than the network between two processes of one machine holds. */
const EVENTS = 100_000;
const RECORD_EVENTS = 50;
const TIMEOUT_MS = 90_000;

interface SlowClients {
  readonly items: readonly {
    readonly worstBufferedBytes: number;
    readonly droppedEvents: number;
    readonly conflatedEvents: number;
    readonly closedAtMs: number | null;
  }[];
}

t.setTimeout(240_000);

const isBehind = (
  one: { readonly offset: number; readonly index: number },
  other: { readonly offset: number; readonly index: number } | undefined,
): boolean =>
  other === undefined || one.offset > other.offset || (one.offset === other.offset && one.index > other.index);

/** Ranges in which the events that were produced are not exactly those that came and those that were told to be left out. */
function wrongRanges({ ranges }: PolicyReader, produced: readonly ProducedEvent<Measurement>[]): unknown[] {
  const byPartition = Map.groupBy(produced, ({ partition }) => partition);
  for (const events of byPartition.values()) events.sort((a, b) => a.offset - b.offset || a.index - b.index);
  const next = new Map<number, number>();
  return ranges.filter(({ partition, from, to, events, shed }) => {
    const all = byPartition.get(partition) ?? [];
    let at = next.get(partition) ?? 0;
    let count = 0;
    for (; at < all.length && !isBehind(all[at] ?? to, to); at++) if (isBehind(all[at] ?? to, from)) count += 1;
    next.set(partition, at);
    return count !== events + shed;
  });
}

/** The last event of each partition and rack that did not come, although nothing came instead. */
function missingLast(received: readonly ReceivedEvent[], produced: readonly ProducedEvent<Measurement>[]): string[] {
  const last = new Map<string, ProducedEvent<Measurement>>();
  for (const one of produced) {
    const key = `${one.partition} ${one.event.place.rack}`;
    if (isBehind(one, last.get(key))) last.set(key, one);
  }
  const seen = new Set(received.map(({ partition, offset, index }) => `${partition}/${offset}/${index}`));
  return [...last].filter(([, one]) => !seen.has(`${one.partition}/${one.offset}/${one.index}`)).map(([key]) => key);
}

t.test('clients that stop reading lose only what they are told, and nobody else notices', async (t) => {
  // Small buffers, so that a client is slow soon.
  const env = { MDS_EDGE_MAX_BUFFERED_BYTES: '524288', MDS_EDGE_POSITION_INTERVAL_MS: '500' };
  const service = await startService(t, { workers: 1, edges: 1, env });
  const topic = await service.createTopic({ name: 'overflow', partitions: 4, schema: MEASUREMENT_SCHEMA });
  const { clientUrl } = service.edge(0);
  const open = async (wish: object): Promise<PolicyReader> => {
    const reader = await PolicyReader.open(clientUrl, { topic: topic.name, ...wish });
    t.teardown(() => reader.close());
    return reader;
  };
  const fast = await Promise.all(Array.from({ length: FAST_CLIENTS }, () => open({ filter: 'place.rack < 4' })));
  const dropping = await open({ overflow: 'drop' });
  const latest = await open({ overflow: 'latest', key: ['place.rack'] });
  const resuming = await open({});
  const rated = await open({ overflow: 'latest', key: ['place.rack'], maxRate: 200 });
  for (const reader of [dropping, latest, resuming]) reader.pause();

  const producer = await TestProducer.connect<Measurement>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
  t.teardown(() => producer.close());
  for (let at = 0; at < EVENTS; at += RECORD_EVENTS) {
    const events = Array.from({ length: RECORD_EVENTS }, (_, i) => aMeasurement(at + i));
    await producer.send({ partition: (at / RECORD_EVENTS) % topic.partitions, events });
  }
  await producer.flush();
  const { produced } = producer;
  const matching = produced.filter(({ event }) => event.place.rack < 4);
  await until('the fast ones to have everything', TIMEOUT_MS, () =>
    fast.every(({ received }) => received.length >= matching.length),
  );
  for (const { received, start, closeCode } of fast) {
    const ledger = settle({ produced: matching, matches: () => true, received, after: start });
    t.same(faultsOf(ledger), NO_FAULTS, `a fast one: ${ledgerText(ledger)}`);
    t.equal(closeCode, null);
  }

  const [edge] = (await service.api.status()).edges;
  const slow = await until('the list of slow clients to show what they lost', TIMEOUT_MS, async () => {
    const { items } = await service.api.get<SlowClients>(`/v1/edges/${edge?.edgeId}/slow-clients`);
    const closed = items.filter(({ closedAtMs }) => closedAtMs !== null).length;
    const shed = items.filter(({ droppedEvents, conflatedEvents }) => droppedEvents + conflatedEvents > 0).length;
    return closed === 1 && shed >= 2 ? items : null;
  });
  t.comment(`slow: ${JSON.stringify(slow)}`);

  for (const reader of [dropping, latest, resuming]) reader.resume();
  await until('every event to be accounted for', TIMEOUT_MS, () =>
    [dropping, latest, rated].every(({ accounted }) => accounted >= produced.length),
  ).catch((error: unknown) => t.comment(String(error)));
  for (const [name, reader] of Object.entries({ dropping, latest, rated })) {
    const { received, shed, closeCode, start } = reader;
    t.comment(`${name}: ${received.length} came, ${JSON.stringify(shed)}, ${reader.ranges.length} ranges`);
    t.equal(received.length + shed.dropped + shed.conflated, produced.length, `${name}: each event is accounted for`);
    t.same(wrongRanges(reader, produced), [], `${name}: in its range`);
    const ledger = settle({ produced, matches: () => true, received, after: start });
    t.same({ ...faultsOf(ledger), lost: 0 }, NO_FAULTS, `${name}: what came is in order, and came once`);
    t.equal(closeCode, null, `${name}: stays connected`);
  }
  t.ok(dropping.shed.dropped > 0 && dropping.shed.conflated === 0);
  for (const { received, shed } of [latest, rated]) {
    t.ok(shed.conflated > 0);
    t.equal(shed.dropped, 0);
    t.same(missingLast(received, produced), [], 'the last event of each key came');
  }
  await until('the one that resumes to know it was closed', TIMEOUT_MS, () => resuming.closeCode !== null);
  // 1006 when it read on so late that the socket was gone: both mean that it may resume.
  t.ok([4001, 1006].includes(resuming.closeCode ?? 0), String(resuming.closeCode));
});

t.test('what makes no sense is refused with what to do', async (t) => {
  const service = await startService(t, { workers: 1, edges: 1 });
  const topic = await service.createTopic({ name: 'refused', partitions: 1, schema: MEASUREMENT_SCHEMA });
  const { clientUrl } = service.edge(0);
  const refusals = [
    { wish: { overflow: 'latest', key: ['place.rak'] }, code: 'MDS_PROJECTION_UNKNOWN_FIELD', format: 'json' },
    { wish: { overflow: 'latest', key: ['unit'], fields: ['id'] }, code: 'MDS_REQUEST_INVALID', format: 'json' },
    { wish: { overflow: 'latest', key: ['unit'] }, code: 'MDS_LATEST_NEEDS_JSON', format: 'avro' },
  ] as const;
  for (const { wish, code, format } of refusals) {
    const error = await refusalOf(clientUrl, `mds.v1.${format}`, { topic: topic.name, ...wish });
    t.match(error, { type: 'error', id: 's', code, retryable: false });
  }
});
