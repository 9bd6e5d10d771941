// The faulty proxy does to a connection what it is told to, in both directions, and nothing else.

import { connect, createServer, type Server, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { until } from '../../integration/harness/until.ts';
import { FaultyProxy } from './faulty-proxy.ts';

const TIMEOUT_MS = 5000;
const half = (): number => 0.5;

t.test('bytes pass unchanged both ways, also many of them, and an end is passed on', async (t) => {
  const { client, echoed } = await anEcho(t);
  const sent = Buffer.alloc(3_000_000, 'abcdefgh');
  client.write(sent);
  await until('all to come back', TIMEOUT_MS, () => echoed().length === sent.length);
  t.ok(echoed().equals(sent));
  let ended = false;
  client.on('end', () => {
    ended = true;
  });
  client.end();
  await until('the end', TIMEOUT_MS, () => ended);
});

t.test('a partition holds everything and healing lets it pass, in order', async (t) => {
  const { client, echoed, proxy } = await anEcho(t);
  proxy.partition();
  client.write('one ');
  client.write('two');
  t.equal(await comesWithin(() => echoed().length > 0, 200), false);
  proxy.heal();
  await until('both', TIMEOUT_MS, () => String(echoed()) === 'one two');
});

t.test('one direction can be swallowed while the other passes', async (t) => {
  const { client, echoed, proxy, seenByServer } = await anEcho(t);
  proxy.set({ flow: 'swallow' }, ['toClient']);
  client.write('lost');
  await until('it to reach the server', TIMEOUT_MS, () => String(seenByServer()) === 'lost');
  proxy.heal();
  client.write('here');
  await until('only the second', TIMEOUT_MS, () => String(echoed()) === 'here');
});

t.test('a delay is kept by each direction', async (t) => {
  const { client, echoed, proxy } = await anEcho(t);
  proxy.set({ delayMs: 100 });
  const startedMs = performance.now();
  client.write('x');
  await until('it to come back', TIMEOUT_MS, () => echoed().length === 1);
  t.ok(performance.now() - startedMs >= 199);
});

t.test('what is lost comes late and in order', async (t) => {
  const { client, echoed, proxy } = await anEcho(t, () => 0);
  proxy.set({ lossPercent: 100, resendMs: 150 }, ['toServer']);
  const startedMs = performance.now();
  client.write('a');
  client.write('b');
  await until('both', TIMEOUT_MS, () => String(echoed()) === 'ab');
  t.ok(performance.now() - startedMs >= 149);
});

t.test('a thin line lets no more pass than it is told', async (t) => {
  const { client, echoed, proxy } = await anEcho(t);
  proxy.set({ bytesPerSecond: 100_000 }, ['toServer']);
  const startedMs = performance.now();
  client.write(Buffer.alloc(30_000));
  await until('all', TIMEOUT_MS, () => echoed().length === 30_000);
  t.ok(performance.now() - startedMs >= 290);
});

t.test('bytes can be changed on the way', async (t) => {
  const { client, echoed, proxy } = await anEcho(t);
  proxy.set({ corrupt: (chunk) => chunk.writeUInt8(0x21, 0) > 0 }, ['toServer']);
  client.write('abc');
  await until('it to come back', TIMEOUT_MS, () => String(echoed()) === '!bc');
});

t.test('a cut ends connections and may refuse new ones until it is healed', async (t) => {
  const { client, proxy } = await anEcho(t);
  client.write('x');
  let closed = false;
  client.on('close', () => {
    closed = true;
  });
  await until('the connection to stand', TIMEOUT_MS, () => proxy.connections === 1);
  proxy.cut({ refuse: true });
  await until('the connection to end', TIMEOUT_MS, () => closed);
  const refused = connect({ port: proxy.port });
  refused.on('error', () => undefined);
  await new Promise((resolve) => refused.once('close', resolve));
  proxy.heal();
  const again = connect({ port: proxy.port });
  t.teardown(() => again.destroy());
  again.write('y');
  await new Promise((resolve) => again.once('data', resolve));
});

t.test('a rule meets the connections whose first bytes match, and later ones when it says so', async (t) => {
  const { client, echoed, proxy } = await anEcho(t);
  client.write('SUBSCRIBE me');
  await until('the first answer', TIMEOUT_MS, () => echoed().length === 12);
  const rule = { matches: (opening: string) => /^SUBSCRIBE/.test(opening), directions: ['toClient'] as const };
  const matched = proxy.setSome({ ...rule, conditions: { flow: 'swallow' }, alsoNew: true });
  t.equal(matched, 1);
  client.write('more');
  t.equal(await comesWithin(() => echoed().length > 12, 200), false, 'the old connection is starved');
  const other = connect({ port: proxy.port });
  t.teardown(() => other.destroy());
  const got: Buffer[] = [];
  other.on('data', (chunk) => got.push(chunk));
  other.write('GET');
  await until('the other one to be answered', TIMEOUT_MS, () => String(Buffer.concat(got)) === 'GET');
});

async function comesWithin(look: () => boolean, timeoutMs: number): Promise<boolean> {
  return until('what must not come', timeoutMs, look).catch(() => false);
}

async function anEcho(t: Test, ratio = half) {
  const seen: Buffer[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    socket.on('data', (chunk) => seen.push(chunk));
    socket.on('error', () => undefined); // a cut is what is tested
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const proxy = await FaultyProxy.listen(address.port, ratio);
  const client = connect({ port: proxy.port, allowHalfOpen: true });
  const got: Buffer[] = [];
  client.on('data', (chunk) => got.push(chunk));
  client.on('error', () => undefined); // a cut is what is tested
  t.teardown(async () => {
    client.destroy();
    await proxy.close();
    server.close();
  });
  return { client, proxy, echoed: () => Buffer.concat(got), seenByServer: () => Buffer.concat(seen) };
}
