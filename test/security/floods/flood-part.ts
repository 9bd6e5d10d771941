// Worker thread: one tenant that floods, from an address of its own, as fast as the service lets it; it notes what it is told.
// It floods with what the service leaves of the cores: a flooder's own work is done on the flooder's machine.

import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { leaveCoresToOthers } from '../../../platform/thread-priority.ts';
import { RawWebSocket, text } from '../websocket/raw-websocket.ts';
import type { FloodKind, FloodTask } from './flood.ts';

const { kind, url, edgePort, credential, topic }: FloodTask = workerData;
const FLOODER_ADDRESS = '127.0.0.2';
const AT_ONCE = 24;
const OPEN_SOCKETS = 400;
const REFUSED_PAUSE_MS = 20;
/** Costs much and has no index. */
const COSTLY = `labels.exists(k, labels[k].matches("(a|b|ab)*c")) || message.matches("(x+x+)+y") || name.contains("z")`;

leaveCoresToOthers();
const said = new Map<string, number>();
const note = (what: string): void => void said.set(what, (said.get(what) ?? 0) + 1);
const headers = { Authorization: `Bearer ${credential}` };
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE, localAddress: FLOODER_ADDRESS });
let isOver = false;

function ask(method: string, path: string, body?: object): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const json = body === undefined ? '' : JSON.stringify(body);
  const sent = request(new URL(path, url), {
    ...{ method, agent },
    headers: { ...headers, ...(json === '' ? {} : { 'content-type': 'application/json' }) },
  });
  sent.on('response', (answer) => {
    const { statusCode = 0, headers: answered } = answer;
    note(statusCode === 429 && answered['retry-after'] === undefined ? '429 without Retry-After' : String(statusCode));
    answer.resume().on('end', resolve);
  });
  sent.on('error', () => {
    note('no answer');
    resolve();
  });
  sent.end(json);
  return promise;
}

/** Whoever is let in stays, until there are so many. */
const held: RawWebSocket[] = [];

async function connect(withHeaders: Readonly<Record<string, string>>): Promise<void> {
  try {
    const client = await RawWebSocket.open({ port: edgePort, headers: withHeaders, localAddress: FLOODER_ADDRESS });
    await client.write(text('{"type":"ping","id":"x"}'));
    await client.until(
      () => client.isEnded || client.seen.some((one) => /^(close|answer|error)/.test(one)),
      'an answer',
    );
    note(client.seen.find((one) => one.startsWith('close')) ?? client.seen[0] ?? 'nothing');
    held.push(client);
    if (held.length > OPEN_SOCKETS) held.shift()?.destroy();
  } catch (error) {
    note(/HTTP\/1.1 (\d+)/.exec(String(error))?.[1] ?? 'no answer');
  }
}

/** Subscribes as often as it may on one connection, each time to something else. */
async function subscribe(filterOf: (n: number) => string): Promise<void> {
  const client = await RawWebSocket.open({ port: edgePort, headers, localAddress: FLOODER_ADDRESS }).catch(() => null);
  if (client === null) {
    note('no connection');
    return delay(REFUSED_PAUSE_MS); // connects are another flood
  }
  for (let n = 0; n < 50; n++) {
    await client.write(text(JSON.stringify({ type: 'subscribe', id: `s${n}`, topic, filter: filterOf(n) })));
  }
  const isAnswered = (): boolean =>
    client.isEnded || client.seen.filter((one) => /^(subscribed|error)/.test(one)).length >= 50;
  await client.until(isAnswered, 'answers').catch(() => note('late'));
  for (const one of client.seen) note(one);
  client.destroy();
}

const WORK: Readonly<Record<FloodKind, () => Promise<void>>> = {
  requests: () => ask('GET', '/v1/topics'),
  connects: () => connect(headers),
  strangers: () => connect({}),
  subscribes: () => subscribe(() => `host == "${randomBytes(4).toString('hex')}"`),
  'expensive filters': async () => {
    await Promise.all([
      ask('POST', '/v1/filters/check', { topic, filter: COSTLY, explain: true, events: 100_000 }),
      subscribe((n) => `${COSTLY} || host == "${n}"`),
    ]);
  },
};

async function flood(): Promise<void> {
  while (!isOver) await WORK[kind]();
}

parentPort?.once('message', () => {
  isOver = true;
});
await Promise.all(Array.from({ length: AT_ONCE }, flood));
for (const client of held) client.destroy();
agent.destroy();
parentPort?.postMessage(Object.fromEntries(said));
