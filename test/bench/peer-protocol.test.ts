import assert from 'node:assert/strict';
import t from 'tap';
import { WebSocketServer } from 'ws';
import { clientFrame, FrameReader, OPCODES } from '../../bench/clients/websocket-frames.ts';
import { batchRequest, readReplies, subscribeCommand } from '../../bench/suites/peer/centrifugo-protocol.ts';

t.test('several replies in one message are told apart', async () => {
  const message = [
    '{}',
    '{"push":{"channel":"bench:all","pub":{"data":{"sentMs":12.5},"tags":{"host":"h1"}}}}',
    '{"id":2,"subscribe":{}}',
    '{"id":3,"error":{"code":103,"message":"permission denied"}}',
    '{"push":{"channel":"bench:all","join":{}}}',
    '',
  ].join('\n');
  assert.deepEqual(readReplies(message), [
    { kind: 'ping' },
    { kind: 'publication', data: { sentMs: 12.5 } },
    { kind: 'answer', id: 2 },
    { kind: 'refused', id: 3, reason: '103 permission denied' },
    { kind: 'other' },
  ]);
});

t.test('what is no reply is an error', async () => {
  assert.throws(() => readReplies('[1]'), /Centrifugo sent/);
  assert.throws(() => readReplies('x'));
});

t.test('a filter travels as tf, and a batch as a list of commands', async () => {
  const filter = { key: 'host', cmp: 'eq', val: 'h1' } as const;
  assert.deepEqual(JSON.parse(subscribeCommand(2, 'bench:all', filter)), {
    id: 2,
    subscribe: { channel: 'bench:all', tf: filter },
  });
  assert.deepEqual(JSON.parse(batchRequest([{ channel: 'c', data: { a: 1 } }])), {
    commands: [{ publish: { channel: 'c', data: { a: 1 } } }],
  });
});

/** A server's frame, unmasked. */
function serverFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header.writeUInt8(0x80 | opcode, 0);
  header.writeUInt8(length < 126 ? length : length < 65_536 ? 126 : 127, 1);
  if (header.length === 4) header.writeUInt16BE(length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, payload]);
}

t.test('frames come out whole, however their bytes were cut', async () => {
  const payloads = [0, 1, 125, 126, 65_535, 65_536, 200_000].map((length) => Buffer.alloc(length, 'abc'));
  const bytes = Buffer.concat(payloads.map((payload) => serverFrame(OPCODES.text, payload)));
  for (const step of [1, 7, 4096, bytes.length]) {
    const lengths: number[] = [];
    const reader = new FrameReader((opcode, payload) => {
      assert.equal(opcode, OPCODES.text);
      assert.equal(Buffer.compare(payload, payloads[lengths.length] ?? Buffer.alloc(0)), 0);
      lengths.push(payload.length);
    });
    for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
    assert.equal(lengths.length, payloads.length);
  }
});

t.test('a masked or endless frame is no frame of a server', async () => {
  const reader = (): FrameReader => new FrameReader(() => undefined);
  assert.throws(() => reader().push(Buffer.from([0x81, 0x80, 0, 0])), /mask/);
  assert.throws(() => reader().push(Buffer.from([0x81, 127, 1, 0, 0, 0, 0, 0, 0, 0])), /a frame of/);
});

t.test('an independent server reads the frames of our client', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  t.teardown(() => server.close());
  const seen = new Promise<string[]>((resolve) => {
    const texts: string[] = [];
    server.on('connection', (socket) => {
      socket.on('message', (data) => {
        texts.push(String(data));
        if (texts.length === 2) resolve(texts);
      });
    });
  });
  await new Promise((resolve) => server.on('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { connect } = await import('node:net');
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.write(
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await new Promise((resolve) => socket.once('data', resolve));
  const long = 'x'.repeat(300);
  socket.write(clientFrame(OPCODES.text, Buffer.from('short')));
  socket.write(clientFrame(OPCODES.text, Buffer.from(long)));
  assert.deepEqual(await seen, ['short', long]);
});
