// What one subscription of a user was given, compared with the truth at each hand-over: order, content, and that nothing
// was left out between one event and the next. Lives on when the user's process dies, as the user's own database would.

import type { EventCursor, Gap } from '../../../client/library/events.ts';
import { beforeRecord, type Cursor, compareCursors, type Position } from '../../../schemas/cursor.ts';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import { TOPIC_ID, type TrueEvent, type Wish } from '../truth.ts';
import type { World } from '../world.ts';

const at = ({ offset, index }: Cursor): string => `${offset}:${index > 1e9 ? 'end' : index}`;

export class Ledger {
  readonly name: string;
  readonly wish: Wish;
  /** The token that was kept with the last event. */
  token: string | null = null;
  given = 0;
  gaps = 0;
  readonly #world: World;
  /** By partition: where the first start was told to be, and how far it has come since. */
  #reached: Map<number, Cursor> | null = null;
  #claimed: Position = new Map();
  readonly #told: Gap[] = [];

  constructor(world: World, name: string, wish: Wish) {
    this.#world = world;
    this.name = name;
    this.wish = wish;
  }

  /** True when everything that it wants was given or said to be lost. */
  get isComplete(): boolean {
    return this.#reached !== null && this.missing === '';
  }

  /** The first event of each partition that it waits for. */
  get missing(): string {
    const missing = this.#world.truth.events.map((_, partition) => {
      const next = this.#next(partition);
      return next ? `p${partition} waits for ${at(next.cursor)}` : '';
    });
    return missing.filter((text) => text !== '').join(', ');
  }

  begin(token: string): void {
    this.#reached ??= new Map(decodeResumeToken(token).position);
  }

  take(partition: number, cursor: EventCursor, data: unknown): void {
    const problem = this.#problemWith(partition, cursor, data);
    if (problem !== null) this.#fail(`${this.name} p${partition} ${at(cursor)}: ${problem}`);
    this.#reached?.set(partition, { offset: cursor.offset, index: cursor.index });
    this.given += 1;
  }

  /** Only what Kafka has deleted may be missing. */
  takeGap(gap: Gap): void {
    const { partition, from, to, code } = gap;
    this.#world.simulator.note(`${this.name} is told of a gap p${partition} ${at(from)}–${at(to)} ${code}`);
    const expected = this.#next(partition);
    if (expected && compareCursors(expected.cursor, from) <= 0)
      this.#fail(`${this.name} p${partition}: a gap from ${at(from)} hides ${at(expected.cursor)}`);
    const lowOffset = this.#world.kafka.partitions[partition]?.lowOffset ?? 0;
    if (expected && compareCursors(expected.cursor, to) <= 0 && to.offset >= lowOffset)
      this.#fail(`${this.name} p${partition}: a gap to ${at(to)}, but Kafka has all from ${lowOffset} on`);
    this.#told.push(gap);
    this.gaps += 1;
    if (compareCursors(to, this.#reachedIn(partition)) > 0) this.#reached?.set(partition, to);
  }

  /** The token that the user would keep now: neither ahead of what was given, nor behind it. */
  checkToken(token: string | null): void {
    if (token === null || token === this.token || this.#reached === null) return;
    const { topicId, position } = decodeResumeToken(token);
    if (topicId !== TOPIC_ID) this.#fail(`${this.name}: a token of topic ${topicId}`);
    for (const [partition, claimed] of position) {
      const next = this.#next(partition);
      if (next && compareCursors(next.cursor, claimed) <= 0)
        this.#fail(`${this.name} p${partition}: the token claims ${at(claimed)}, ${at(next.cursor)} was not given`);
      const before = this.#claimed.get(partition);
      if (before && compareCursors(claimed, before) < 0)
        this.#fail(`${this.name} p${partition}: the token went back from ${at(before)} to ${at(claimed)}`);
    }
    for (const [partition, reached] of this.#reached) {
      const claimed = position.get(partition);
      if (!claimed || compareCursors(claimed, reached) < 0)
        this.#fail(`${this.name} p${partition}: the token has forgotten what lies before ${at(reached)}`);
    }
    this.token = token;
    this.#claimed = position;
  }

  #problemWith(partition: number, cursor: EventCursor, data: unknown): string | null {
    const event = this.#world.truth.eventAt(partition, cursor);
    if (!this.#reached) return 'an event before the start is known';
    if (!event || JSON.stringify(data) !== JSON.stringify({ n: event.n, k: event.k }))
      return `${JSON.stringify(data)} was never produced there`;
    if (!this.wish.matches(event)) return `does not match ${this.wish.filter}`;
    const reached = this.#reachedIn(partition);
    if (compareCursors(cursor, reached) <= 0) return `given again, behind ${at(reached)}`;
    const expected = this.#next(partition);
    return expected && compareCursors(expected.cursor, cursor) !== 0
      ? `${at(expected.cursor)} was left out silently`
      : null;
  }

  /** Told, not thrown: whoever calls may take it for an error of the user's program. */
  #fail(problem: string): void {
    this.#world.simulator.fail(problem);
  }

  #reachedIn(partition: number): Cursor {
    return this.#reached?.get(partition) ?? beforeRecord(0);
  }

  #next(partition: number): TrueEvent | undefined {
    return this.#world.truth.nextWanted(partition, this.#reachedIn(partition), this.wish, () => false);
  }
}
