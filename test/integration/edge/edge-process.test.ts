// The edge as a process: exit codes, the port it needs, SIGTERM.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { freePort } from '../harness/free-port.ts';
import { TestClient, until } from './edge-harness.ts';
import { startRedis } from './redis-server.ts';

const MAIN = new URL('../../../workers/edge/main.ts', import.meta.url).pathname;

const redis = await startRedis();
t.teardown(() => redis.stop());

async function startProcess(port: number, httpPort: number) {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      ...process.env,
      MDS_REDIS_URL: redis.url,
      MDS_EDGE_PORT: String(port),
      MDS_HTTP_PORT: String(httpPort),
      MDS_AUTH: 'off',
      MDS_LOG_LEVEL: 'fatal',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const stderr: string[] = [];
  child.stderr.on('data', (data) => stderr.push(String(data)));
  return { child, exited, stderr };
}

const isReady = (httpPort: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${httpPort}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );

t.test('SIGTERM drains the clients and ends the process with 0; a taken port ends it with 1', async (t) => {
  const [port, httpPort, otherHttpPort] = [await freePort(), await freePort(), await freePort()];
  const edge = await startProcess(port, httpPort);
  await until('ready', () => isReady(httpPort), 20_000);
  const client = await TestClient.open(`ws://127.0.0.1:${port}/v1/stream`);
  await client.next('welcome');
  const second = await startProcess(port, otherHttpPort);
  t.equal(await second.exited, 1);
  t.match(second.stderr.join(''), /Port \d+ \(client connections\) is already in use/);
  edge.child.kill('SIGTERM');
  t.equal(await client.closed(), 4000);
  t.equal(await edge.exited, 0);
});
