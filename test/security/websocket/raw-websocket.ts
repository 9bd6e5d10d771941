// A WebSocket client that may break every rule: bytes go out as they are given, and all that comes back is noted in words.
// No library, since those refuse to send what is wrong.

import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { inflateRawSync } from 'node:zlib';

export const OPCODES = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

export interface FrameParts {
  readonly opcode: number;
  readonly payload?: Uint8Array | string;
  /** Default: the message ends with it. */
  readonly fin?: boolean;
  /** 1 to 7: RSV1 is 4, RSV2 is 2, RSV3 is 1. */
  readonly reserved?: number;
  readonly masked?: boolean;
  /** What the header says, when it lies. */
  readonly statedLength?: number | bigint;
}

/** RFC 6455 §5.2, with whatever is wrong in `parts`. */
export function frame({
  opcode,
  payload = '',
  fin = true,
  reserved = 0,
  masked = true,
  statedLength,
}: FrameParts): Buffer {
  const bytes = Buffer.from(payload);
  const length = BigInt(statedLength ?? bytes.length);
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const flag = masked ? 0x80 : 0;
  let head: Buffer;
  if (length < 126n) head = Buffer.from([first, flag | Number(length)]);
  else if (length < 65_536n) {
    head = Buffer.from([first, flag | 126, 0, 0]);
    head.writeUInt16BE(Number(length), 2);
  } else {
    head = Buffer.from([first, flag | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
    head.writeBigUInt64BE(length, 2);
  }
  if (!masked) return Buffer.concat([head, bytes]);
  const key = randomBytes(4);
  return Buffer.concat([head, key, bytes.map((byte, at) => byte ^ (key[at % 4] ?? 0))]);
}

export const text = (payload: Uint8Array | string, parts: Partial<FrameParts> = {}): Buffer =>
  frame({ opcode: OPCODES.TEXT, payload, ...parts });
export const binary = (payload: Uint8Array | string, parts: Partial<FrameParts> = {}): Buffer =>
  frame({ opcode: OPCODES.BINARY, payload, ...parts });
export const continuation = (payload: Uint8Array | string, parts: Partial<FrameParts> = {}): Buffer =>
  frame({ opcode: OPCODES.CONTINUATION, payload, ...parts });
export const ping = (payload: Uint8Array | string = '', parts: Partial<FrameParts> = {}): Buffer =>
  frame({ opcode: OPCODES.PING, payload, ...parts });
export const close = (code: number | null, reason: Uint8Array | string = ''): Buffer => {
  if (code === null) return frame({ opcode: OPCODES.CLOSE });
  return frame({
    opcode: OPCODES.CLOSE,
    payload: Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]),
  });
};

export interface OpenOptions {
  readonly port: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** To come from; this machine has 127.0.0.0/8. */
  readonly localAddress?: string;
}

const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455 §1.3
const CLOSED_BY = { 1002: true, 1003: true, 1006: true, 1007: true, 1009: true } as const;

export class RawWebSocket {
  /** What came, in words: `answer:<id>`, `error:<code>`, `pong:<hex>`, `close:<code>`, `failed`, `end`. */
  readonly seen: string[] = [];
  /** Values of the negotiated Sec-WebSocket-Extensions. */
  extensions = '';
  /** Text messages as they were, decompressed. */
  readonly messages: string[] = [];
  compressedFrames = 0;
  readonly #socket: Socket;
  #unread = Buffer.alloc(0);
  #isOpen = false;
  #refusal = '';
  #wake: () => void = () => {};
  readonly #accept: string;

  private constructor(socket: Socket, accept: string) {
    this.#socket = socket;
    this.#accept = accept;
    socket.setNoDelay(true);
    socket.on('data', (data) => this.#onData(data));
    socket.on('error', () => {}); // a reset; seen as the end
    socket.on('close', () => this.#note('end'));
  }

  /** Resolves when the handshake is answered with 101. @throws Error with the answer's first line otherwise */
  static async open({ port, headers = {}, localAddress = '127.0.0.1' }: OpenOptions): Promise<RawWebSocket> {
    const key = randomBytes(16).toString('base64');
    const accept = createHash('sha1')
      .update(key + ACCEPT_GUID)
      .digest('base64');
    const client = new RawWebSocket(connect({ port, host: '127.0.0.1', localAddress }), accept);
    const lines = Object.entries({
      Host: `127.0.0.1:${port}`,
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Version': '13',
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    client.#socket.write(`GET /v1/stream HTTP/1.1\r\n${lines.join('')}\r\n`);
    await client.until(() => client.#isOpen || client.isEnded, 'the handshake');
    if (!client.#isOpen) throw new Error(`the handshake was refused: ${client.#refusal}`);
    return client;
  }

  get isEnded(): boolean {
    return this.seen.at(-1) === 'end';
  }

  /** Each piece is a write of its own, so that the edge reads it in pieces. */
  async write(...pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) {
      if (this.isEnded || !this.#socket.writable) return;
      if (!this.#socket.write(piece)) await this.#drained();
      if (pieces.length > 1) await turn();
    }
  }

  async until(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!condition()) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`${what}: not within ${timeoutMs} ms; seen: ${this.seen.join(', ')}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, leftMs);
      await promise;
      clearTimeout(timer);
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.once('drain', resolve).once('close', resolve);
    await promise;
  }

  #note(what: string): void {
    this.seen.push(what);
    this.#wake();
  }

  #onData(data: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, data]);
    if (!this.#isOpen && !this.#readHandshake()) return;
    while (this.#readFrame());
  }

  #readHandshake(): boolean {
    const end = this.#unread.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const head = this.#unread.subarray(0, end).toString('latin1');
    this.#unread = this.#unread.subarray(end + 4);
    const header = (name: string): string => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]?.trim() ?? '';
    this.#refusal = head.split('\r\n', 1)[0] ?? '';
    if (!head.startsWith('HTTP/1.1 101') || header('sec-websocket-accept') !== this.#accept) {
      this.#socket.destroy();
      return false;
    }
    this.extensions = header('sec-websocket-extensions');
    this.#isOpen = true;
    this.#wake();
    return true;
  }

  /** @returns whether there was a whole one; servers do not mask */
  #readFrame(): boolean {
    const bytes = this.#unread;
    if (bytes.length < 2) return false;
    const short = (bytes[1] ?? 0) & 127;
    const start = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < start) return false;
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < start + length) return false;
    const payload = bytes.subarray(start, start + length);
    this.#unread = bytes.subarray(start + length);
    this.#onFrame(bytes[0] ?? 0, payload);
    return true;
  }

  #onFrame(first: number, payload: Buffer): void {
    switch (first & 15) {
      case OPCODES.TEXT:
        this.#onText((first & 0x40) === 0 ? payload : this.#inflated(payload));
        return;
      case OPCODES.PONG:
        this.#note(`pong:${payload.toString('hex')}`);
        return;
      case OPCODES.CLOSE: {
        const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
        this.#note(code in CLOSED_BY ? 'failed' : `close:${code}`);
        this.#socket.end(close(code === 1005 ? null : code));
        return;
      }
      case OPCODES.PING:
        this.#socket.write(frame({ opcode: OPCODES.PONG, payload }));
        return;
      default:
        this.#note(`opcode:${first & 15}`);
    }
  }

  #inflated(payload: Buffer): Buffer {
    this.compressedFrames += 1;
    return inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]), { finishFlush: 2 }); // RFC 7692 §7.2.2
  }

  #onText(payload: Buffer): void {
    const message = payload.toString('utf8');
    this.messages.push(message);
    const { type, id, code } = JSON.parse(message);
    if (type === 'pong') this.#note(`answer:${id ?? ''}`);
    else if (type === 'error') this.#note(`error:${code}`);
    else if (type !== 'welcome') this.#note(type);
  }
}
