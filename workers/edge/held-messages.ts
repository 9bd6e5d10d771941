// Messages of a client that wait behind one that is not done with: an `auth` that is being checked, a `subscribe` that waits
// for its turn. They are handled in order, so a client need not wait for answers.

/** As many of the largest messages as a client sends in one go. */
const LARGEST = 16;

export class HeldMessages {
  readonly #maxCount: number;
  readonly #maxChars: number;
  readonly #texts: string[] = [];
  #chars = 0;

  constructor(maxCount: number, maxMessageBytes: number) {
    this.#maxCount = maxCount;
    this.#maxChars = maxMessageBytes * LARGEST;
  }

  /** @returns false when it is too much: its sender is too fast */
  push(text: string): boolean {
    if (this.#texts.length >= this.#maxCount || this.#chars + text.length > this.#maxChars) return false;
    this.#texts.push(text);
    this.#chars += text.length;
    return true;
  }

  shift(): string | undefined {
    const text = this.#texts.shift();
    this.#chars -= text?.length ?? 0;
    return text;
  }
}
