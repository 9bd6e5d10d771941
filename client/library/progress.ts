// How far a subscription has come, growing. Two of them stand in each subscription: what was received (decides what is a
// duplicate and where to resume) and what was handed to the user (the token the user may keep).

import { type Cursor, compareCursors, type Position } from '../../schemas/cursor.ts';
import { decodeResumeToken, encodeResumeToken } from '../../schemas/resume-token.ts';

export class Progress {
  readonly #topicId: number;
  readonly #cursors: Map<number, Cursor>;

  constructor(topicId: number, position: Position) {
    this.#topicId = topicId;
    this.#cursors = new Map(position);
  }

  /** @throws MdsError `MDS_TOKEN_CORRUPT` */
  static fromToken(token: string): Progress {
    const { topicId, position } = decodeResumeToken(token);
    return new Progress(topicId, position);
  }

  get token(): string {
    return encodeResumeToken({ topicId: this.#topicId, position: this.#cursors });
  }

  get position(): Position {
    return this.#cursors;
  }

  /** True when the event at `cursor` is already behind this position. */
  covers(partition: number, cursor: Cursor): boolean {
    const reached = this.#cursors.get(partition);
    return reached !== undefined && compareCursors(cursor, reached) <= 0;
  }

  /** Moves forward to `cursor`; never back. */
  advance(partition: number, cursor: Cursor): void {
    if (!this.covers(partition, cursor)) this.#cursors.set(partition, cursor);
  }

  /** Takes over what is not known yet. @returns that part; null when there is none */
  complete(position: Position): Position | null {
    const added = new Map([...position].filter(([partition]) => !this.#cursors.has(partition)));
    for (const [partition, cursor] of added) this.#cursors.set(partition, cursor);
    return added.size > 0 ? added : null;
  }

  merge(position: Position): void {
    for (const [partition, cursor] of position) this.advance(partition, cursor);
  }
}
