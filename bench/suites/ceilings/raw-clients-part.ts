// Part: WebSocket clients that do nothing but count bytes: plain TCP sockets after the handshake, no frame is parsed. What
// they cost is what any client costs at least.

import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { cpuMsSince, type PartMessage, partSetting, runPart, tell } from './part.ts';

export interface RawClientsSetting {
  readonly port: number;
  readonly clients: number;
}

/** So many handshakes at once: below every default backlog of a listening socket. */
const CONNECTS_AT_ONCE = 100;
const COUNT_INTERVAL_MS = 5;
const READ_BUFFER_BYTES = 256 << 10;

/** All sockets read into one buffer: nothing looks at the bytes, and none are kept. */
const readBuffer = Buffer.alloc(READ_BUFFER_BYTES);

void runPart(async () => {
  const { port, clients } = partSetting<RawClientsSetting>();
  let bytes = 0;
  let lastMs = 0;
  const count = (length: number): void => {
    bytes += length;
    lastMs = performance.timeOrigin + performance.now();
  };
  for (let made = 0; made < clients; made += CONNECTS_AT_ONCE) {
    const some = Math.min(CONNECTS_AT_ONCE, clients - made);
    await Promise.all(Array.from({ length: some }, () => connectRaw(port, count)));
  }
  let cpu = process.cpuUsage();
  process.on('message', (message: PartMessage) => {
    if (message.kind === 'reset') {
      bytes = 0;
      cpu = process.cpuUsage();
      tell({ kind: 'reset' });
    } else void runPart(() => waitFor(Number(message.bytes)));
  });
  tell({ kind: 'connected' });

  async function waitFor(expected: number): Promise<void> {
    while (bytes < expected) await new Promise((resolve) => setTimeout(resolve, COUNT_INTERVAL_MS));
    tell({ kind: 'received', bytes, lastMs, cpuMs: cpuMsSince(cpu) });
  }
});

function connectRaw(port: number, count: (length: number) => void): Promise<Socket> {
  const key = randomBytes(16).toString('base64');
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  let upgraded = false;
  const onread = {
    buffer: readBuffer,
    callback(length: number): boolean {
      if (upgraded) count(length);
      else {
        // the server has nothing to say before it is asked: the first bytes are the handshake's and nothing else
        upgraded = readBuffer.subarray(0, length).toString('latin1').startsWith('HTTP/1.1 101');
        if (upgraded) resolve(socket);
        else reject(new Error('the server refused the handshake'));
      }
      return true;
    },
  };
  const socket = connect({ host: '127.0.0.1', port, onread });
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the server closed a connection')));
  socket.write(
    `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  return promise;
}
