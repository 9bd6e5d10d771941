// The client's side of a WebSocket on a plain TCP socket: frames as they come, without a copy where a frame lies whole in
// what was read, and without keeping the bytes of frames that nobody wants to read. Source: RFC 6455, section 5.2.

const OPCODE_PING = 9;
const OPCODE_CLOSE = 8;

export interface FrameHandler {
  /** A whole text or binary message; the bytes are valid only during the call. */
  onMessage(bytes: Buffer): void;
  /** Instead of onMessage when `isLight`: its first bytes (at most HEAD_BYTES) and its length. */
  onHead(head: Buffer, length: number): void;
  onPing(payload: Buffer): void;
  onClose(code: number, reason: string): void;
}

/** Enough for everything before the events of an events frame. */
export const HEAD_BYTES = 256;
const EMPTY = Buffer.alloc(0);

export class FrameReader {
  readonly #handler: FrameHandler;
  /** Only heads of messages are wanted. */
  readonly isLight: boolean;
  /** Bytes of a frame that is not complete yet; light: of its header and head. */
  #kept: Buffer = EMPTY;
  /** Light: payload bytes still to come after the head was told. */
  #toSkip = 0;

  constructor(handler: FrameHandler, isLight: boolean) {
    this.#handler = handler;
    this.isLight = isLight;
  }

  push(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#toSkip > 0) {
      const skipped = Math.min(this.#toSkip, bytes.length);
      this.#toSkip -= skipped;
      bytes = bytes.subarray(skipped);
    }
    if (this.#kept.length > 0) {
      bytes = Buffer.concat([this.#kept, bytes]);
      this.#kept = EMPTY;
    }
    let at = 0;
    while (at < bytes.length) {
      const used = this.#frame(bytes, at);
      if (used === 0) {
        this.#kept = Buffer.from(bytes.subarray(at)); // the chunk's memory is read into again
        return;
      }
      at += used;
    }
  }

  /** @returns bytes used; 0 when more are needed */
  #frame(bytes: Buffer, at: number): number {
    const left = bytes.length - at;
    if (left < 2) return 0;
    let length = (bytes[at + 1] ?? 0) & 0x7f;
    let header = 2;
    if (length === 126) {
      if (left < 4) return 0;
      length = bytes.readUInt16BE(at + 2);
      header = 4;
    } else if (length === 127) {
      if (left < 10) return 0;
      length = Number(bytes.readBigUInt64BE(at + 2));
      header = 10;
    }
    const opcode = (bytes[at] ?? 0) & 0x0f;
    const start = at + header;
    if (opcode >= OPCODE_CLOSE) {
      if (left < header + length) return 0;
      this.#control(opcode, bytes.subarray(start, start + length));
    } else if (this.isLight) {
      const headLength = Math.min(length, HEAD_BYTES);
      if (left < header + headLength) return 0;
      this.#handler.onHead(bytes.subarray(start, start + headLength), length);
      this.#toSkip = Math.max(0, header + length - left);
      return Math.min(left, header + length);
    } else {
      if (left < header + length) return 0;
      this.#handler.onMessage(bytes.subarray(start, start + length));
    }
    return header + length;
  }

  #control(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE_PING) this.#handler.onPing(payload);
    else if (opcode === OPCODE_CLOSE) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.#handler.onClose(code, payload.subarray(2).toString('utf8'));
    }
  }
}

/** A masked frame, as clients must send them; the mask is zero, which is one too. */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const header = length < 126 ? Buffer.from([0x80 | opcode, 0x80 | length]) : Buffer.alloc(4);
  if (length >= 126) {
    if (length > 0xffff) throw new RangeError(`${length} bytes are more than a client of the bench has to say`);
    header.writeUInt8(0x80 | opcode, 0);
    header.writeUInt8(0x80 | 126, 1);
    header.writeUInt16BE(length, 2);
  }
  return Buffer.concat([header, Buffer.alloc(4), payload]);
}

export const OPCODE = { text: 1, pong: 10 } as const;
