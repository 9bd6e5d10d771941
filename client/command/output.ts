// Where a command writes. Results go to stdout, everything else to stderr; a reader that goes away (`| head`) ends the
// command quietly, and one that is slow makes it wait.

import { once } from 'node:events';
import { MdsError } from '../../schemas/errors.ts';
import { filterHints } from '../library/rest.ts';

/** Width of a table when stdout is no terminal: wide enough to cut nothing that matters, narrow enough to read. */
const DEFAULT_COLUMNS = 120;

export class Output {
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;
  readonly json: boolean;
  /** Fires when nobody reads stdout any more. */
  readonly closed: AbortSignal;

  constructor(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream, json: boolean) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.json = json;
    const closing = new AbortController();
    this.closed = closing.signal;
    stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      closing.abort();
    });
  }

  get isTerminal(): boolean {
    return this.#stdout.isTTY === true;
  }

  get columns(): number {
    const forced = Number(process.env.COLUMNS);
    return this.#stdout.columns ?? (Number.isSafeInteger(forced) && forced > 0 ? forced : DEFAULT_COLUMNS);
  }

  get hasColours(): boolean {
    return this.isTerminal && (process.env.NO_COLOR ?? '') === '';
  }

  /** Writes a line (or several) of the result; waits while the reader is behind. */
  async line(text: string): Promise<void> {
    if (this.closed.aborted) return;
    if (this.#stdout.write(`${text}\n`)) return;
    await Promise.race([once(this.#stdout, 'drain'), once(this.closed, 'abort')]);
  }

  /** The result as JSON with `--json`, otherwise as `text` says. */
  async result(value: unknown, text: () => string): Promise<void> {
    await this.line(this.json ? JSON.stringify(value, null, 2) : text());
  }

  note(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** @param filter shown with a mark at the place of the error, when it has one */
  error(error: MdsError, filter?: string): void {
    if (this.json) {
      this.note(JSON.stringify({ error }));
      return;
    }
    const { at, didYouMean } = filterHints(error.details);
    const lines = [`mds: ${error.message} [${error.code}]`];
    if (filter !== undefined && at) {
      lines.push('', `  ${filter.split('\n')[at.line - 1] ?? ''}`);
      lines.push(
        `  ${' '.repeat(at.column - 1)}${'^'.repeat(Math.max(1, at.length))}${didYouMean ? ` ${didYouMean}?` : ''}`,
      );
    }
    this.note(lines.join('\n'));
  }
}

/** Anything thrown, as an MdsError: what is not one is a bug and says so. */
export const asMdsError = (thrown: unknown): MdsError => {
  if (thrown instanceof MdsError) return thrown;
  const error = new MdsError('MDS_INTERNAL', { reference: 'stderr' }, { cause: thrown });
  error.message = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return error;
};
