// S3: connections that say nothing, or next to nothing, at every port that listens. Others are served meanwhile, and the slow
// ones are cut off within a bound.

import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { startService } from '../integration/harness/service.ts';
import { until } from '../integration/harness/until.ts';

const CONNECTIONS_OF_A_KIND = 60;
const BYTE_INTERVAL_MS = 1000;
/** Headers: 10 s, looked at every 2 s; uWebSockets.js counts in steps of 4 s. The rest is for a machine that does much else. */
const HEADERS_BOUND_MS = 25_000;
/** Bodies: 30 s. */
const BODY_BOUND_MS = 45_000;
/** On a quiet machine it takes milliseconds; who waits behind slow requests waits as long as those do. */
const SERVED_WITHIN_MS = 8000;

interface SlowKind {
  readonly name: string;
  readonly begins: string;
  /** Goes on with a byte a second. */
  readonly trickles: boolean;
  readonly boundMs: number;
}

const HALF = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Half: ';
const BODY =
  'POST /v1/nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{';

const HEADER_KINDS: readonly SlowKind[] = [
  { name: 'nothing at all', begins: '', trickles: false, boundMs: HEADERS_BOUND_MS },
  { name: 'half of the headers', begins: HALF, trickles: false, boundMs: HEADERS_BOUND_MS },
  { name: 'a byte of the headers each second', begins: HALF, trickles: true, boundMs: HEADERS_BOUND_MS },
];
const BODY_KIND: SlowKind = {
  name: 'a byte of the body each second',
  begins: BODY,
  trickles: true,
  boundMs: BODY_BOUND_MS,
};

interface Listener {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly kinds: readonly SlowKind[];
}

t.setTimeout(120_000);
const service = await startService(t);
const ingest = await service.addIngest();
const query = await service.addQuery();
const rollup = await service.addRollup();
await Promise.all([ingest, query, rollup].map((process) => process.start()));

const portOf = (url: string): number => Number(new URL(url).port);
const node = (name: string, url: string): Listener => ({
  ...{ name, port: portOf(url), path: '/healthz', kinds: [...HEADER_KINDS, BODY_KIND] },
});
const LISTENERS: readonly Listener[] = [
  node('control plane', service.controlPlane.httpUrl),
  node('ingest door', ingest.httpUrl),
  node('query process', query.httpUrl),
  node('health of a rollup worker', rollup.httpUrl),
  node('health of a stream worker', service.worker(0).httpUrl),
  node('health of an edge', service.edge(0).httpUrl),
  { name: 'edge', port: portOf(service.edge(0).clientUrl), path: '/', kinds: HEADER_KINDS },
];

/** @returns how long it took until the other side closed; null when that did not happen in time */
function slowConnection(port: number, { begins, trickles, boundMs }: SlowKind): Promise<number | null> {
  const startedMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<number | null>();
  const socket = connect(port, '127.0.0.1', () => {
    if (begins !== '') socket.write(begins);
  });
  socket.on('error', () => {}); // a reset is an end too
  socket.resume(); // an answer such as 408 does not count: the end does
  const timer = setInterval(() => trickles && socket.write('x'), BYTE_INTERVAL_MS);
  const deadline = setTimeout(() => end(null), boundMs);
  const end = (afterMs: number | null): void => {
    clearInterval(timer);
    clearTimeout(deadline);
    socket.destroy();
    resolve(afterMs);
  };
  socket.on('close', () => end(performance.now() - startedMs));
  return promise;
}

async function tryListener(t: Test, { name, port, path, kinds }: Listener): Promise<void> {
  const slow = kinds.map(async (kind) => {
    const all = Array.from({ length: CONNECTIONS_OF_A_KIND }, () => slowConnection(port, kind));
    const ends = await Promise.all(all);
    const left = ends.filter((afterMs) => afterMs === null).length;
    t.equal(left, 0, `${name}: ${kind.name}: all are cut off within ${kind.boundMs} ms`);
  });
  let served = 0;
  let worstMs = 0;
  let isOver = false;
  const others = (async () => {
    while (!isOver) {
      const startedMs = performance.now();
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(10_000) });
      await answer.text();
      worstMs = Math.max(worstMs, performance.now() - startedMs);
      served += 1;
      await until('the next request', 1000, () => performance.now() - startedMs > 100);
    }
  })();
  await Promise.all(slow);
  isOver = true;
  await others;
  t.ok(
    served > 50 && worstMs < SERVED_WITHIN_MS,
    `${name}: ${served} others were served, the slowest in ${worstMs} ms`,
  );
}

t.test('slow requests are cut off at every port, and others are served meanwhile', async (t) => {
  await Promise.all(LISTENERS.map((listener) => tryListener(t, listener)));
});
