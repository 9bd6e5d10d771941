// Answers that were given lately, good as long as their rollup has not changed. Whoever asks the same at the same time
// shares the work.

import type { Answer } from '../answer-text.ts';

interface Cached {
  readonly version: number;
  readonly answer: Promise<Answer>;
  bytes: number;
}

export class AnswerCache {
  readonly #maxBytes: number;
  /** In order of their last use. */
  readonly #answers = new Map<string, Cached>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @param version of what the answer is made from, when `make` would begin */
  get(key: string, version: number, make: () => Promise<Answer>): Promise<Answer> {
    const known = this.#answers.get(key);
    if (known?.version === version) {
      this.#answers.delete(key);
      this.#answers.set(key, known);
      return known.answer;
    }
    if (known) this.#drop(key, known);
    const answer = make();
    const cached: Cached = { version, answer, bytes: key.length };
    this.#answers.set(key, cached);
    this.#bytes += cached.bytes;
    answer.then(
      ({ body }) => this.#grown(key, cached, body.length),
      () => this.#drop(key, cached), // the caller hears of it; the next one tries again
    );
    return answer;
  }

  #grown(key: string, cached: Cached, bytes: number): void {
    if (this.#answers.get(key) !== cached) return;
    cached.bytes += bytes;
    this.#bytes += bytes;
    for (const [oldest, one] of this.#answers) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#drop(oldest, one);
    }
  }

  #drop(key: string, cached: Cached): void {
    if (this.#answers.get(key) !== cached) return;
    this.#answers.delete(key);
    this.#bytes -= cached.bytes;
  }
}
