// The stream worker as a process: readiness, metrics, SIGTERM with and without a leader, bad configuration.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { acquireStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';
import { PlayedEdge } from './played-edge.ts';
import { anEvent, encoder, Stage } from './stage.ts';

t.setTimeout(180_000);
const stack = await acquireStack();
const stage = await Stage.start(stack);
t.teardown(async () => {
  await stage.stop();
  await stack.release();
});
const MAIN = fileURLToPath(new URL('../../../workers/stream/main.ts', import.meta.url));

function aProcess(t: Test, workerId: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      ...process.env,
      ...stage.env,
      MDS_PROCESS_ID: workerId,
      MDS_HTTP_PORT: '0',
      MDS_KERNEL_THREADS: '1',
      ...env,
    },
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => lines.push(String(chunk)));
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  t.teardown(() => child.kill('SIGKILL'));
  return { child, lines, exited };
}

t.test('a process that gets SIGTERM has its partitions taken back, commits, and leaves with 0', async (t) => {
  const topic = await stage.aTopic(2);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  const edge = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge1');
  t.teardown(() => edge.stop());
  const { child, exited, lines } = aProcess(t, 'p1');
  const channel = await edge.want(topic);
  await stage.applied('p1', await stage.assign('p1', stage.all(topic, 1)), 2);
  await edge.joined(channel, 2);
  for (let i = 0; i < 10; i++) await stage.produce(topic, i % 2, encode(anEvent()));
  await until('the events', 40_000, () => channel.deliveries.length === 10);
  const { httpUrl } = (await stage.heartbeat('p1')) ?? { httpUrl: '' };
  await until('readiness', 40_000, async () => (await fetch(`${httpUrl}/readyz`)).status === 200);
  t.match(await (await fetch(`${httpUrl}/metrics`)).text(), /mds_stream_events_total 10\n/);
  child.kill('SIGTERM');
  await until('it to drain', 40_000, async () => (await stage.heartbeat('p1'))?.state === 'draining');
  await stage.assign('p1', []);
  t.equal(await exited, 0, lines.join(''));
  t.same(await stage.committed(topic), [5, 5], lines.join(''));
  t.equal(await stage.heartbeat('p1'), null, 'nobody need wait for its heartbeat to run out');
});

t.test('without a leader it gives everything back by itself', async (t) => {
  const topic = await stage.aTopic(1);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  const { child, exited, lines } = aProcess(t, 'p2');
  await stage.applied('p2', await stage.assign('p2', stage.all(topic, 1)), 1);
  await stage.produce(topic, 0, encode(anEvent()));
  await until('the event', 40_000, async () => (await stage.heartbeat('p2'))?.owned[0]?.nextOffset === 1);
  const startedMs = performance.now();
  child.kill('SIGTERM');
  t.equal(await exited, 0, lines.join(''));
  t.ok(performance.now() - startedMs < 10_000);
  t.same(await stage.committed(topic), [1]);
});

t.test('a bad configuration stops it with exit code 2 and says everything that is wrong', async (t) => {
  const { exited, lines } = aProcess(t, 'p3', { MDS_SLAB_BYTES: 'many', MDS_POLL_RECORD: '5' });
  t.equal(await exited, 2);
  t.match(lines.join(''), /MDS_SLAB_BYTES/);
  t.match(lines.join(''), /MDS_POLL_RECORD .*did you mean MDS_POLL_RECORDS/);
});
