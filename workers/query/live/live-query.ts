// One aggregation that readers follow: computed once for all who ask the same, compared with what it was, and what has
// changed told with a revision.

import type { AggregateAnswer, AggregateRow } from '../../../schemas/api/data.ts';
import type { LiveMessage, LiveRow } from '../../../schemas/api/live.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { LiveReader } from './live-reader.ts';

export interface LiveQueryOptions {
  /** The answer as it is now; its windows slide with the time. @throws MdsError when it cannot go on */
  readonly compute: () => Promise<AggregateAnswer>;
  readonly begin: LiveMessage;
  readonly now: () => number;
}

export class LiveQuery {
  readonly #options: LiveQueryOptions;
  readonly #readers = new Set<LiveReader>();
  /** By start and group: the row with its revision, and its text without. */
  #rows = new Map<string, { readonly row: LiveRow; readonly text: string }>();
  #isComplete = true;
  #isDirty = true;
  #joining = 0;
  #computing: Promise<void> | null = null;

  constructor(options: LiveQueryOptions) {
    this.#options = options;
  }

  /** Somebody reads it, or is about to. */
  get isWanted(): boolean {
    return this.#readers.size + this.#joining > 0;
  }

  /** The rollup has changed. */
  touch(): void {
    this.#isDirty = true;
  }

  /** Tells the reader all rows, and changes from then on. @throws MdsError when there is no first answer */
  async join(reader: LiveReader): Promise<void> {
    this.#joining += 1;
    try {
      await this.#refreshed();
    } finally {
      this.#joining -= 1;
    }
    reader.begin(this.#options.begin);
    const all = new Map([...this.#rows].map(([key, { row }]) => [key, row]));
    reader.offer(all, this.#isComplete, this.#options.now());
    this.#readers.add(reader);
  }

  leave(reader: LiveReader): void {
    this.#readers.delete(reader);
  }

  /** Computes when something has changed, and tells what did. Errors end all readers. */
  async refresh(): Promise<void> {
    try {
      await this.#refreshed();
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      if (error.retryable) {
        this.#isDirty = true; // Postgres is away: tried again by the next turn
        return;
      }
      this.endAll(error);
    }
  }

  endAll(error: MdsError): void {
    for (const reader of this.#readers) reader.end(endMessage(error));
    this.#readers.clear();
  }

  async #refreshed(): Promise<void> {
    if (this.#computing) await this.#computing;
    if (!this.#isDirty) return;
    this.#isDirty = false;
    this.#computing = this.#compute().finally(() => {
      this.#computing = null;
    });
    await this.#computing;
  }

  async #compute(): Promise<void> {
    let answer: AggregateAnswer;
    try {
      answer = await this.#options.compute();
    } catch (error) {
      this.#isDirty = true;
      throw error;
    }
    const rows = new Map<string, { readonly row: LiveRow; readonly text: string }>();
    const changed = new Map<string, LiveRow>();
    for (const row of answer.rows) {
      const key = keyOf(row);
      const text = JSON.stringify(row);
      const known = this.#rows.get(key);
      if (known?.text === text) {
        rows.set(key, known);
        continue;
      }
      const revised = { ...row, revision: (known?.row.revision ?? 0) + 1 };
      rows.set(key, { row: revised, text });
      changed.set(key, revised);
    }
    this.#rows = rows;
    this.#isComplete = answer.isComplete;
    if (changed.size === 0) return;
    const nowMs = this.#options.now();
    for (const reader of this.#readers) {
      if (reader.offer(changed, answer.isComplete, nowMs)) continue;
      reader.end(endMessage(new MdsError('MDS_LIVE_TOO_SLOW')));
      this.#readers.delete(reader);
    }
  }
}

const keyOf = ({ start, group }: AggregateRow): string => JSON.stringify([start, group]);

export const endMessage = ({ code, message, retryable }: MdsError): LiveMessage => ({
  type: 'end',
  code,
  detail: message,
  retryable,
});
