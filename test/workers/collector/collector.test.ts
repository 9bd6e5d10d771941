import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Collector, type CollectorObserver } from '../../../workers/collector/collector.ts';
import type { RecordContent } from '../../../workers/collector/record-content.ts';
import type { Sample } from '../../../workers/collector/sample.ts';
import type { Source } from '../../../workers/collector/sampler.ts';
import { aSample } from './a-sample.ts';

const HOUR_MS = 3_600_000;
const ORIGIN = { tenant: 'default', host: 'web-1', run: 'r1' };

const sourceOf = (read: () => readonly Sample[]): Source => ({
  name: 'test',
  everyRounds: 1,
  read: async () => read(),
});

function aCollector(
  source: Source,
  send: (record: RecordContent) => Promise<void>,
  { intervalMs = HOUR_MS, queueEvents = 100, observer = {} as Partial<CollectorObserver> } = {},
): Collector {
  return new Collector({
    sources: [source],
    intervalMs,
    queueEvents,
    origin: ORIGIN,
    send,
    observer: { onSource: () => {}, onSent: () => {}, onSendFailure: () => {}, ...observer },
  });
}

async function eventually(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error('the condition did not come true within 5 s');
    await sleep(2);
  }
}

t.test('readings are sent with the next round, as one batch', async (t) => {
  const sent: RecordContent[] = [];
  const source = sourceOf(() => [aSample(), aSample()]);
  const collector = aCollector(source, async (record) => void sent.push(record), { intervalMs: 5 });
  collector.start();
  await eventually(() => sent.length > 0);
  await collector.stop(1000);
  t.match(sent[0], { form: 'batch', events: [{ id: 'web-1-r1-0' }, { id: 'web-1-r1-1' }] });
});

t.test('an alert does not wait for the next round', async (t) => {
  const sent: RecordContent[] = [];
  const source = sourceOf(() => [aSample({ kind: 'ALERT', severity: 'CRITICAL' })]);
  const collector = aCollector(source, async (record) => void sent.push(record));
  collector.start();
  await eventually(() => sent.length > 0);
  t.match(sent[0], { form: 'single', event: { kind: 'ALERT' } });
  await collector.stop(1000);
});

t.test('stopping sends what was read', async (t) => {
  const sent: RecordContent[] = [];
  let reported = 0;
  const collector = aCollector(
    sourceOf(() => [aSample()]),
    async (record) => void sent.push(record),
    { observer: { onSent: (events) => (reported += events) } },
  );
  collector.start();
  await collector.stop(1000);
  t.equal(sent.length, 1);
  t.equal(reported, 1);
  t.equal(collector.queuedEvents, 0);
});

t.test('what could not be sent is sent again, in order', async (t) => {
  const sent: RecordContent[] = [];
  const failures: unknown[] = [];
  let attempts = 0;
  const send = async (record: RecordContent): Promise<void> => {
    attempts += 1;
    if (attempts === 1) throw new Error('broker away');
    sent.push(record);
  };
  const samples = [aSample({ kind: 'ALERT', name: 'first' }), aSample({ kind: 'ALERT', name: 'second' })];
  const collector = aCollector(
    sourceOf(() => samples),
    send,
    { observer: { onSendFailure: (error) => failures.push(error) } },
  );
  collector.start();
  await eventually(() => sent.length === 2);
  await collector.stop(1000);
  t.equal(failures.length, 1);
  t.match(sent, [{ event: { name: 'first' } }, { event: { name: 'second' } }]);
});

t.test('while nothing can be sent the queue stays bounded, and stopping does not hang', async (t) => {
  const source = sourceOf(() => Array.from({ length: 10 }, () => aSample()));
  const stuck = new Promise<void>(() => {});
  const collector = aCollector(source, () => stuck, { intervalMs: 2, queueEvents: 25 });
  collector.start();
  await eventually(() => collector.droppedEvents > 0);
  t.ok(collector.queuedEvents <= 25);
  const startedMs = performance.now();
  await collector.stop(50);
  t.ok(performance.now() - startedMs < 1000);
});

t.test('a source that fails is reported', async (t) => {
  const outcomes: string[] = [];
  const failing = sourceOf(() => {
    throw new Error('no such device');
  });
  const collector = aCollector(failing, async () => {}, {
    observer: { onSource: (source, outcome) => outcomes.push(`${source} ${outcome}`) },
  });
  collector.start();
  await collector.stop(1000);
  t.same(outcomes, ['test failed']);
});

t.test('a source that is passed over is reported', async (t) => {
  const outcomes: string[] = [];
  const { promise, resolve } = Promise.withResolvers<readonly Sample[]>();
  const slow: Source = { name: 'slow', everyRounds: 1, read: () => promise };
  const collector = aCollector(slow, async () => {}, {
    intervalMs: 2,
    observer: { onSource: (_source, outcome) => outcomes.push(outcome) },
  });
  collector.start();
  await eventually(() => outcomes.includes('skipped'));
  resolve([]);
  await collector.stop(1000);
  t.equal(outcomes.at(-1), 'read');
});
