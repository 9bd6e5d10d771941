// One WebSocket connection of the load clients: a plain TCP socket that reads into a buffer shared by all of them, speaks the
// handshake and the subscribe messages, and hands events frames on.

import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { isEventsFrame } from './events-frame.ts';
import { clientFrame, type FrameHandler, FrameReader, OPCODE } from './socket-frames.ts';

const READ_BUFFER_BYTES = 256 * 1024;
const CONNECT_TIMEOUT_MS = 20_000;
/** Node reads one socket after the other, and nobody keeps the bytes beyond the call. */
const readBuffer = Buffer.alloc(READ_BUFFER_BYTES);

export interface ControlFrame {
  readonly type: string;
  readonly [member: string]: unknown;
}

export interface ConnectionEvents {
  /** A whole events frame. */
  onEvents(frame: Buffer): void;
  /** The beginning of one, when only that is wanted. */
  onEventsHead(head: Buffer, length: number): void;
  onControl(frame: ControlFrame): void;
  /** It ended and should not have. */
  onLost(why: string): void;
}

export class ClientConnection implements FrameHandler {
  readonly #events: ConnectionEvents;
  readonly #reader: FrameReader;
  readonly #socket: Socket;
  #isUpgraded = false;
  #isEnding = false;
  #upgraded = Promise.withResolvers<void>();
  receivedBytes = 0;

  private constructor(port: number, isLight: boolean, events: ConnectionEvents) {
    this.#events = events;
    this.#reader = new FrameReader(this, isLight);
    const onread = { buffer: readBuffer, callback: (length: number) => this.#onBytes(length) };
    this.#socket = connect({ host: '127.0.0.1', port, onread });
    this.#socket.setNoDelay(true);
    this.#socket.on('error', (error) => this.#onEnd(error.message));
    this.#socket.on('close', () => this.#onEnd('the connection was closed'));
  }

  /** @param isLight whole frames are not needed, their beginnings are */
  static async open(port: number, isLight: boolean, events: ConnectionEvents): Promise<ClientConnection> {
    const connection = new ClientConnection(port, isLight, events);
    const key = randomBytes(16).toString('base64');
    connection.#socket.write(
      `GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mds.v1.json\r\n\r\n`,
    );
    const timeout = setTimeout(
      () => connection.#upgraded.reject(new Error('no answer to the handshake')),
      CONNECT_TIMEOUT_MS,
    );
    await connection.#upgraded.promise.finally(() => clearTimeout(timeout));
    return connection;
  }

  send(message: object): void {
    this.#socket.write(clientFrame(OPCODE.text, Buffer.from(JSON.stringify(message))));
  }

  end(): void {
    this.#isEnding = true;
    this.#socket.destroy();
  }

  onMessage(bytes: Buffer): void {
    if (isEventsFrame(bytes)) this.#events.onEvents(bytes);
    else this.#events.onControl(JSON.parse(bytes.toString('utf8')));
  }

  onHead(head: Buffer, length: number): void {
    if (isEventsFrame(head)) this.#events.onEventsHead(head, length);
    // A control frame longer than its head is only a subscribed or position frame with a long token.
    else this.#events.onControl(length > head.length ? { type: typeIn(head) } : JSON.parse(head.toString('utf8')));
  }

  onPing(payload: Buffer): void {
    this.#socket.write(clientFrame(OPCODE.pong, payload));
  }

  onClose(code: number, reason: string): void {
    this.#onEnd(`closed with ${code} ${reason}`);
  }

  #onBytes(length: number): boolean {
    const chunk = readBuffer.subarray(0, length);
    this.receivedBytes += length;
    if (this.#isUpgraded) this.#reader.push(chunk);
    else this.#onHandshake(chunk);
    return true;
  }

  #onHandshake(chunk: Buffer): void {
    const end = chunk.indexOf('\r\n\r\n');
    if (end < 0 || !chunk.toString('latin1', 0, 12).startsWith('HTTP/1.1 101')) {
      this.#upgraded.reject(new Error(`the handshake was refused: ${chunk.toString('latin1', 0, 100)}`));
      return;
    }
    this.#isUpgraded = true;
    this.#upgraded.resolve();
    if (end + 4 < chunk.length) this.#reader.push(chunk.subarray(end + 4));
  }

  #onEnd(why: string): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#upgraded.reject(new Error(why));
    this.#events.onLost(why);
  }
}

const typeIn = (head: Buffer): string => /"type":"([a-z]+)"/.exec(head.toString('utf8'))?.[1] ?? 'unknown';
