// One WebSocket connection as cheap as it can be: a TCP socket, the handshake, frames. No events, no buffers of its own
// beyond an incomplete frame: a thousand of them must not be what a bench measures.

import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { clientFrame, FrameReader, OPCODES } from './websocket-frames.ts';

export interface RawWebSocket {
  send(text: string): void;
  close(): void;
}

export interface RawWebSocketOptions {
  /** ws://host:port/path */
  readonly url: URL;
  readonly subprotocol?: string;
  /** Valid during the call only. */
  readonly onPayload: (payload: Buffer) => void;
  readonly onClosed: (reason: string) => void;
}

const READ_BUFFER_BYTES = 256 << 10;
const END_OF_HEAD = '\r\n\r\n';
/** Shared: a read is dealt with before the next one begins. */
const readBuffer = Buffer.alloc(READ_BUFFER_BYTES);

/** Resolves when the server has agreed. @throws Error when it does not */
export function connectRaw({ url, subprotocol, onPayload, onClosed }: RawWebSocketOptions): Promise<RawWebSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<RawWebSocket>();
  let head = '';
  let isOpen = false;
  const onFrame = (opcode: number, payload: Buffer): void => {
    if (opcode === OPCODES.ping) socket.write(clientFrame(OPCODES.pong, payload));
    else if (opcode === OPCODES.close) onClosed(closeReason(payload));
    else if (opcode !== OPCODES.pong) onPayload(payload);
  };
  const reader = new FrameReader(onFrame);
  const onBytes = (length: number): boolean => {
    if (isOpen) reader.push(readBuffer.subarray(0, length));
    else {
      head += readBuffer.subarray(0, length).toString('latin1');
      const end = head.indexOf(END_OF_HEAD);
      if (end < 0) return true;
      if (!head.startsWith('HTTP/1.1 101')) reject(new Error(`the server answered ${head.split('\r\n')[0]}`));
      isOpen = true;
      resolve({
        send: (text) => socket.write(clientFrame(OPCODES.text, Buffer.from(text))),
        close: () => socket.destroy(),
      });
      reader.push(Buffer.from(head.slice(end + END_OF_HEAD.length), 'latin1'));
    }
    return true;
  };
  const socket: Socket = connect({
    host: url.hostname,
    port: Number(url.port || 80),
    onread: { buffer: readBuffer, callback: onBytes },
  });
  socket.setNoDelay(true);
  socket.on('error', reject);
  socket.on('close', () => {
    reject(new Error('the server closed the connection'));
    if (isOpen) onClosed('the connection was cut');
  });
  socket.write(handshake(url, subprotocol));
  return promise;
}

function handshake(url: URL, subprotocol?: string): string {
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    ...(subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
  ];
  return `${lines.join('\r\n')}${END_OF_HEAD}`;
}

const closeReason = (payload: Buffer): string =>
  payload.length < 2 ? 'closed without a code' : `closed with ${payload.readUInt16BE(0)} ${payload.subarray(2)}`;
