// What happened, in two forms: a hash over every step, which tells whether two runs were the same, and the last lines of
// text, which a person reads. Text is made only of what matters: notices of processes, faults, deliveries.

/** Enough to see what led to a failure; the whole of it is printed with TRACE=all. */
const KEPT_LINES = 400;

export class Trace {
  readonly #lines: string[] = [];
  /** Every line is kept: worth to write down frames too. */
  readonly keepsAll: boolean;
  #hash = 0x811c9dc5;
  #other = 0x2545f491;

  constructor(keepsAll: boolean) {
    this.keepsAll = keepsAll;
  }

  /** 16 hex digits; equal for equal runs. */
  get hash(): string {
    return hex(this.#hash) + hex(this.#other);
  }

  step(atMs: number, who: string, what: string): void {
    this.#mix(Math.round(atMs * 1000));
    this.#mixText(who);
    this.#mixText(what);
  }

  line(atMs: number, who: string, text: string): void {
    this.#lines.push(`${(atMs / 1000).toFixed(4).padStart(9)}  ${who.padEnd(10)} ${text}`);
    if (!this.keepsAll && this.#lines.length > 2 * KEPT_LINES) this.#lines.splice(0, KEPT_LINES);
  }

  last(count: number): string[] {
    return this.#lines.slice(-count);
  }

  #mixText(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i));
  }

  /** FNV-1a, and a second one that multiplies otherwise. */
  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193);
    this.#other = Math.imul(this.#other ^ value, 0x85ebca6b) ^ (this.#other >>> 13);
  }
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
