// One way of one connection through the proxy: chunks leave in the order in which they came, each when the conditions of
// the line allow it. At most 1 MiB waits here; then the sender is not read any more, so its own buffers fill, as they would.
//
//   source ─▶ [ chunk, due at │ chunk, due at │ … ] ─▶ sink

import type { Socket } from 'node:net';
import type { LinkConditions } from './link-conditions.ts';

const MAX_WAITING_BYTES = 1024 * 1024;
const MS_PER_SECOND = 1000;

interface WaitingChunk {
  readonly bytes: Buffer;
  readonly dueMs: number;
}

export class Link {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #ratio: () => number;
  readonly #waiting: WaitingChunk[] = [];
  #conditions: LinkConditions;
  #waitingBytes = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #sourceEnded = false;
  #closed = false;

  /** @param ratio uniform in [0, 1) */
  constructor(source: Socket, sink: Socket, conditions: LinkConditions, ratio: () => number) {
    this.#source = source;
    this.#sink = sink;
    this.#conditions = conditions;
    this.#ratio = ratio;
    source.on('data', (chunk) => this.#onChunk(chunk));
    source.on('end', () => this.#onSourceEnd());
    sink.on('drain', () => this.#pump());
    this.#readOrNot();
  }

  set(conditions: LinkConditions): void {
    this.#conditions = conditions;
    this.#readOrNot();
    this.#pump();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #onChunk(chunk: Buffer): void {
    const { flow, delayMs, jitterMs, bytesPerSecond, lossPercent, resendMs, corrupt } = this.#conditions;
    if (flow === 'swallow') return;
    corrupt?.(chunk);
    const jitter = jitterMs === 0 ? 0 : (this.#ratio() * 2 - 1) * jitterMs;
    const resend = lossPercent > 0 && this.#ratio() * 100 < lossPercent ? resendMs : 0;
    const nowMs = performance.now();
    const startMs = Math.max(nowMs + delayMs + jitter + resend, this.#lastDueMs);
    this.#lastDueMs = startMs + (chunk.length / bytesPerSecond) * MS_PER_SECOND;
    this.#waiting.push({ bytes: chunk, dueMs: this.#lastDueMs });
    this.#waitingBytes += chunk.length;
    this.#readOrNot();
    this.#pump();
  }

  #pump(): void {
    if (this.#closed || this.#timer !== null || this.#conditions.flow === 'hold') return;
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) break;
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = null;
          this.#pump();
        }, waitMs);
        return;
      }
      this.#waiting.shift();
      this.#waitingBytes -= next.bytes.length;
      if (!this.#sink.write(next.bytes)) break; // 'drain' goes on
    }
    this.#readOrNot();
    if (this.#sourceEnded && this.#waiting.length === 0) this.#sink.end();
  }

  #onSourceEnd(): void {
    this.#sourceEnded = true;
    this.#pump();
  }

  #readOrNot(): void {
    const full = this.#waitingBytes >= MAX_WAITING_BYTES || this.#sink.writableNeedDrain;
    if (this.#conditions.flow === 'hold' || (full && this.#conditions.flow === 'pass')) this.#source.pause();
    else this.#source.resume();
  }
}
