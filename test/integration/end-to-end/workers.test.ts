// An operator empties a stream worker of its partitions and gives it some again; nobody misses an event.

import t from 'tap';
import type { WorkerDetail } from '../../../schemas/api/worker.ts';
import { runMds } from '../../client/command/run-mds.ts';
import { closeAll } from '../harness/close-all.ts';
import { settled, startEventStream } from '../harness/event-stream.ts';
import { faultsOf, NO_FAULTS } from '../harness/ledger.ts';
import { LibrarySubscriber } from '../harness/library-subscriber.ts';
import { MEASUREMENT_SCHEMA } from '../harness/measurement.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';

t.setTimeout(180_000);
const TIMEOUT_MS = 40_000;

t.test('a worker is drained and gets partitions again', async (t) => {
  const service = await startService(t, { workers: 2, edges: 1 });
  const topic = await service.createTopic({ name: 'workers', partitions: 4, schema: MEASUREMENT_SCHEMA });
  const mds = (...args: string[]) => runMds(['--api', service.api.url, ...args]);
  const worker = (id: string) => service.api.get<WorkerDetail>(`/v1/workers/${id}`);
  await until('both to own some', TIMEOUT_MS, async () => {
    const found = await Promise.all([worker('worker-1'), worker('worker-2')]);
    return found.every(({ partitions }) => partitions.length === 2);
  });
  const subscriber = new LibrarySubscriber({ connect: { api: service.api.url }, topic: topic.name });
  t.teardown(() => closeAll([subscriber]));
  await subscriber.open();
  const stream = await startEventStream({
    brokers: service.stack.env.MDS_KAFKA_BROKERS ?? '',
    topic,
    eventsPerSecond: 200,
  });
  t.teardown(() => stream.close());

  const drained = await mds('workers', 'drain', 'worker-1');
  t.match(drained.stdout, 'worker-1 owns nothing any more; 2 partitions went to others', drained.stderr);
  t.match(await worker('worker-1'), { isCordoned: true, state: 'running', partitions: [] });
  await service.assigned(topic.name, (workerId) => workerId === 'worker-2');
  const last = await mds('workers', 'cordon', 'worker-2');
  t.match([last.code, last.stderr], [1, /MDS_NO_OTHER_WORKER/]);
  t.match((await mds('workers')).stdout, /worker-1 +running, cordoned/);

  const again = await mds('workers', 'uncordon', 'worker-1');
  t.equal(again.code, 0, again.stderr);
  await until('it to own some again', TIMEOUT_MS, async () => (await worker('worker-1')).partitions.length === 2);
  t.match((await mds('workers', 'show', 'worker-1')).stdout, topic.name);
  await stream.stop();
  const { received, start: after } = subscriber;
  const ledger = await settled({ stream, filter: { cel: '', matches: () => true }, received, after });
  t.same(faultsOf(ledger), NO_FAULTS);
});
