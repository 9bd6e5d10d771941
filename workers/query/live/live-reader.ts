// One reader of a live query. What it has no room for is conflated: of each row it gets the newest revision once it reads
// again, and is told how many older ones it did not get. Pure; whoever holds the connection says when there is room.

import type { LiveMessage, LiveRow } from '../../../schemas/api/live.ts';

export interface LiveSink {
  /** @returns false when there is no room any more: `resume` is called when there is again */
  write(message: LiveMessage): boolean;
  /** The last message is on its way; closes the connection behind it. */
  end(message: LiveMessage): void;
}

export class LiveReader {
  readonly #sink: LiveSink;
  readonly #maxWaiting: number;
  readonly #waiting = new Map<string, LiveRow>();
  #skipped = 0;
  #isComplete = true;
  #hasRoom = true;
  #fullSinceMs: number | null = null;

  /** @param maxWaiting rows that wait at most; more are too slow a reader */
  constructor(sink: LiveSink, maxWaiting: number) {
    this.#sink = sink;
    this.#maxWaiting = maxWaiting;
  }

  begin(message: LiveMessage): void {
    this.#hasRoom = this.#sink.write(message);
  }

  /** @returns false: it is too slow, and must be ended */
  offer(rows: ReadonlyMap<string, LiveRow>, isComplete: boolean, nowMs: number): boolean {
    for (const [key, row] of rows) {
      if (this.#waiting.delete(key)) this.#skipped += 1;
      this.#waiting.set(key, row);
    }
    this.#isComplete = isComplete;
    this.#pump(nowMs);
    return this.#waiting.size <= this.#maxWaiting;
  }

  resume(nowMs: number): void {
    this.#hasRoom = true;
    this.#pump(nowMs);
  }

  /** Since when it has not read, null while it does. */
  get fullSinceMs(): number | null {
    return this.#fullSinceMs;
  }

  end(message: LiveMessage): void {
    this.#sink.end(message);
  }

  #pump(nowMs: number): void {
    if (this.#hasRoom && this.#waiting.size > 0) {
      const message: LiveMessage = {
        type: 'rows',
        rows: [...this.#waiting.values()],
        isComplete: this.#isComplete,
        skippedRevisions: this.#skipped,
      };
      this.#waiting.clear();
      this.#skipped = 0;
      this.#hasRoom = this.#sink.write(message);
    }
    this.#fullSinceMs = this.#hasRoom ? null : (this.#fullSinceMs ?? nowMs);
  }
}
