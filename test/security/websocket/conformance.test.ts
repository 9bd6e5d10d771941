// S2: the edge's WebSocket against RFC 6455 and RFC 7692, case by case, then what is meant to exhaust it. The cases are those
// of the Autobahn suite's chapters 1-7, 9, 12 and 13, as far as they apply to a server that does not echo.

import t, { type Test } from 'tap';
import { residentBytes, startLoneEdge } from '../harness/lone-edge.ts';
import { type ConformanceCase, message, tryCase } from './conformance-case.ts';
import { DEFLATE_CASES, deflated, OFFERS, OFFERS_TO_DECLINE } from './deflate-cases.ts';
import { FRAMING_CASES } from './framing-cases.ts';
import { continuation, RawWebSocket, text } from './raw-websocket.ts';
import { READ_BYTES, SIZE_CASES } from './size-cases.ts';
import { TEXT_CASES } from './text-cases.ts';

const AT_ONCE = 16;
const MEBIBYTE = 1024 * 1024;

t.setTimeout(120_000);
const edge = await startLoneEdge(t, { MDS_EDGE_COMPRESSION: 'true' });
const { port } = edge;

async function tryAll(t: Test, cases: readonly ConformanceCase[]): Promise<void> {
  const left = [...cases];
  const turn = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const problem = await tryCase(port, next);
      if (problem !== null) t.fail(`${next.id} ${next.title} (${next.rule}): ${problem}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
  t.equal(new Set(cases.map(({ id }) => id)).size, cases.length, `${cases.length} cases, each with an id of its own`);
  t.ok(edge.process.isRunning, 'the edge runs');
}

t.test('framing, pings, reserved bits, opcodes and fragments are as RFC 6455 says', (t) => tryAll(t, FRAMING_CASES));
t.test('text is UTF-8 and closing is answered, as RFC 6455 says', (t) => tryAll(t, TEXT_CASES));
t.test('messages up to the limit are read, larger ones refused', (t) => tryAll(t, SIZE_CASES));
t.test('permessage-deflate is as RFC 7692 says', (t) => tryAll(t, DEFLATE_CASES));

t.test(
  'an offer of compression is answered with parameters that were offered, and frames can be inflated',
  async (t) => {
    for (const offer of OFFERS) {
      const client = await RawWebSocket.open({ port, headers: { 'Sec-WebSocket-Extensions': offer } });
      const [name, ...parameters] = client.extensions.split(';').map((part) => part.trim());
      t.equal(name, 'permessage-deflate', offer);
      const isOffered = (parameter: string): boolean =>
        !parameter.startsWith('client_max_window_bits') || offer.includes('client_max_window_bits');
      t.ok(parameters.every(isOffered), `${offer} → ${client.extensions}`);
      await client.write(text(JSON.stringify({ type: 'subscribe', id: 's', topic: 'x'.repeat(400) })));
      await client.until(() => client.seen.includes('error:MDS_TOPIC_UNKNOWN'), 'an answer of some length');
      t.equal(client.compressedFrames, 1, 'which came compressed');
      client.destroy();
    }
  },
);

t.test('an offer that the edge could not keep is declined, and the connection works without', async (t) => {
  for (const offer of OFFERS_TO_DECLINE) {
    const client = await RawWebSocket.open({ port, headers: { 'Sec-WebSocket-Extensions': offer } });
    t.equal(client.extensions, '', offer);
    await client.write(text(message('a')));
    await client.until(() => client.seen.includes('answer:a'), 'an answer');
    client.destroy();
  }
});

t.test('fragments without end are cut off, and memory stays', async (t) => {
  const before = residentBytes(edge.process);
  const fragment = continuation('x'.repeat(16_000), { fin: false });
  const attempts = Array.from({ length: 20 }, async () => {
    const client = await RawWebSocket.open({ port });
    await client.write(text(' ', { fin: false }));
    let sentBytes = 0;
    while (!client.isEnded && sentBytes < 64 * MEBIBYTE) {
      await client.write(fragment);
      sentBytes += fragment.length;
    }
    client.destroy();
    return sentBytes;
  });
  // What lies in the buffers of both kernels is sent, but not read.
  for (const sentBytes of await Promise.all(attempts))
    t.ok(sentBytes < 32 * MEBIBYTE, `cut off after ${sentBytes} bytes`);
  const grownBytes = residentBytes(edge.process) - before;
  t.ok(grownBytes < 100 * MEBIBYTE, `20 clients cost ${Math.round(grownBytes / MEBIBYTE)} MiB at the most`);
});

t.test('fragments without content and without end are cut off, too, or cost nothing', async (t) => {
  const before = residentBytes(edge.process);
  const client = await RawWebSocket.open({ port });
  await client.write(text('', { fin: false }));
  const many = Buffer.concat(Array.from({ length: 1000 }, () => continuation('', { fin: false })));
  for (let i = 0; i < 100 && !client.isEnded; i++) await client.write(many);
  t.ok(residentBytes(edge.process) - before < 50 * MEBIBYTE);
  client.destroy();
  const other = await RawWebSocket.open({ port });
  await other.write(text(message('after')));
  await other.until(() => other.seen.includes('answer:after'), 'another client is served');
  other.destroy();
});

t.test('what inflates to a thousand times its size is cut off, and memory stays', async (t) => {
  const bomb = text(deflated(Buffer.alloc(64 * MEBIBYTE, ' ')), { reserved: 4 });
  t.ok(bomb.length < READ_BYTES, `${bomb.length} bytes`);
  const before = residentBytes(edge.process);
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      const client = await RawWebSocket.open({ port, headers: { 'Sec-WebSocket-Extensions': OFFERS[0] ?? '' } });
      await client.write(bomb);
      await client.until(() => client.isEnded, 'the end of the connection');
      t.notOk(client.seen.some((what) => what.startsWith('answer')));
      client.destroy();
    }),
  );
  const grownBytes = residentBytes(edge.process) - before;
  t.ok(grownBytes < 100 * MEBIBYTE, `20 bombs cost ${Math.round(grownBytes / MEBIBYTE)} MiB at the most`);
  t.ok(edge.process.isRunning);
});
