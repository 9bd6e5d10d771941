// Reads a growing log file in whole lines, for `make logs`.

import { open, stat } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';

/** How much of each file is shown before following: a screen or two of recent lines. */
const FIRST_BYTES = 4 * 1024;
const CHUNK_BYTES = 64 * 1024;

/** Reads what was appended to one log file since the last time, as whole lines. */
export class LogTail {
  readonly #file: string;
  readonly #prefix: string;
  #position: number | undefined;
  readonly #decoder = new StringDecoder('utf8'); // a character may be cut by the end of a chunk
  #partial = '';

  constructor(file: string, prefix: string) {
    this.#file = file;
    this.#prefix = prefix;
  }

  /** New whole lines, with their prefix; at most CHUNK_BYTES of them, so that a flood is read in turns. */
  async read(): Promise<string[]> {
    const { size } = await stat(this.#file);
    const first = this.#position === undefined;
    let position = this.#position ?? Math.max(0, size - FIRST_BYTES);
    const startsInsideLine = first && position > 0;
    if (size < position) position = 0; // somebody emptied it
    const handle = await open(this.#file);
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, position);
      this.#position = position + bytesRead;
      const lines = (this.#partial + this.#decoder.write(buffer.subarray(0, bytesRead))).split('\n');
      this.#partial = lines.pop() ?? '';
      return (startsInsideLine ? lines.slice(1) : lines).map((line) => `${this.#prefix}${line}`);
    } finally {
      await handle.close();
    }
  }
}
