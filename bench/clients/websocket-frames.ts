// RFC 6455 frames, as a client that holds a thousand connections in one process reads and writes them: no object for each
// frame, no copy of a payload that came in one piece.
//
//   │ FIN, opcode │ mask, length 7 bit │ 16 or 64 bit length │ 4 B mask │ payload │

export const OPCODES = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const FIN = 0x80;
const MASKED = 0x80;
/** No server of ours or a peer's sends more in one frame; beyond it the stream is taken for broken. */
const MAX_PAYLOAD_BYTES = 64 << 20;

export type OnFrame = (opcode: number, payload: Buffer) => void;

/** Takes a server's bytes as they come and gives whole frames. Continuation frames are given as they are (opcode 0). */
export class FrameReader {
  readonly #onFrame: OnFrame;
  #rest: Buffer = Buffer.alloc(0);

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /**
   * @param chunk may be used again by the caller afterwards; payloads are valid only during `onFrame`
   * @throws Error when the bytes are no frames
   */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    for (;;) {
      const end = this.#readFrame(bytes, at);
      if (end < 0) break;
      at = end;
    }
    this.#rest = at < bytes.length ? Buffer.from(bytes.subarray(at)) : EMPTY;
  }

  /** @returns the end of the frame that begins at `at`, or -1 when it is not whole yet */
  #readFrame(bytes: Buffer, at: number): number {
    if (bytes.length - at < 2) return -1;
    const short = bytes.readUInt8(at + 1);
    if (short >= MASKED) throw new Error('a server may not mask its frames');
    const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
    const start = at + 2 + lengthBytes;
    if (bytes.length < start) return -1;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    if (length > MAX_PAYLOAD_BYTES) throw new Error(`a frame of ${length} bytes`);
    const end = start + length;
    if (bytes.length < end) return -1;
    this.#onFrame(bytes.readUInt8(at) & 0x0f, bytes.subarray(start, end));
    return end;
  }
}

const EMPTY = Buffer.alloc(0);

/** One whole frame of a client. The mask is zero: the receiver must undo it, and undoing nothing is allowed. */
export function clientFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  if (length >= 65_536) throw new RangeError(`a client has no need of a frame of ${length} bytes`);
  const header = Buffer.alloc(length < 126 ? 6 : 8); // the mask, at the end, stays zero
  header.writeUInt8(FIN | opcode, 0);
  header.writeUInt8(MASKED | Math.min(length, 126), 1);
  if (length >= 126) header.writeUInt16BE(length, 2);
  return Buffer.concat([header, payload]);
}
