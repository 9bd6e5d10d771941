// Spans that were made lately, for all questions. A question that is asked again after a flush is made anew only where the
// flush added something: most of an hour stays as it is.

import type { KnownSpans, Span } from './aggregation.ts';

export class SpanCache {
  readonly #maxRows: number;
  /** In order of their last use. */
  readonly #spans = new Map<string, Span>();
  #rows = 0;

  /** @param maxRows of all spans together */
  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  /** @param question equal for equal series, groups, functions and length of windows */
  of(question: string): KnownSpans {
    return {
      get: (startMs) => {
        const key = `${startMs} ${question}`;
        const span = this.#spans.get(key);
        if (!span) return undefined;
        this.#spans.delete(key);
        this.#spans.set(key, span);
        return span;
      },
      set: (startMs, span) => this.#set(`${startMs} ${question}`, span),
    };
  }

  #set(key: string, span: Span): void {
    this.#drop(key);
    this.#spans.set(key, span);
    this.#rows += span.size;
    for (const oldest of this.#spans.keys()) {
      if (this.#rows <= this.#maxRows) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const span = this.#spans.get(key);
    if (!span) return;
    this.#spans.delete(key);
    this.#rows -= span.size;
  }
}
