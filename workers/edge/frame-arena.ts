// Memory for frames that live until they are written to sockets, a moment later: one buffer that is filled from the front
// and begun anew. A frame that must live longer is copied by whoever keeps it.

export class FrameArena {
  readonly #buffer: Buffer;
  readonly #writeAll: () => void;
  #used = 0;

  /** @param writeAll writes to sockets whatever lies in here, so that the memory is free again */
  constructor(byteLength: number, writeAll: () => void) {
    this.#buffer = Buffer.allocUnsafeSlow(byteLength);
    this.#writeAll = writeAll;
  }

  /** @returns room for a frame of at most `maxBytes`; what is used of it is kept by `keep` */
  room(maxBytes: number): Buffer {
    if (maxBytes > this.#buffer.length) return Buffer.allocUnsafeSlow(maxBytes);
    if (this.#used + maxBytes > this.#buffer.length) this.release();
    return this.#buffer;
  }

  /** Where the room begins in what `room` returned. */
  startIn(room: Buffer): number {
    return room === this.#buffer ? this.#used : 0;
  }

  keep(room: Buffer, end: number): Buffer {
    const frame = room.subarray(this.startIn(room), end);
    if (room === this.#buffer) this.#used = end;
    return frame;
  }

  /** Writes everything and begins anew. */
  release(): void {
    this.#writeAll();
    this.#used = 0;
  }
}
