// What a subscription has said and given since the last answer to its poller, in order, and the answers made of it: an answer
// takes from the front, and its token says exactly how far it goes. What is not taken is there for the next one. Pure.

import type { Cursor } from '../../../schemas/cursor.ts';
import type { GapFrame, ServerFrame, ShedFrame } from '../../../schemas/frames.ts';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import type { ClientOutput } from '../client-output.ts';
import type { FollowedFrame } from '../followed-frame.ts';
import type { FollowedEvent } from '../follower.ts';
import { EventIds } from './event-ids.ts';

export type Gap = Omit<GapFrame, 'type' | 'id'>;
export type Shed = Omit<ShedFrame, 'type' | 'id'>;

type Item =
  | { readonly kind: 'event'; readonly partition: number; readonly event: FollowedEvent; readonly to: Cursor }
  | { readonly kind: 'gap'; readonly gap: Gap }
  | { readonly kind: 'shed'; readonly shed: Shed }
  | { readonly kind: 'moved'; readonly partition: number; readonly to: Cursor };

export interface PollAnswer {
  /** One JSON document. */
  readonly body: string;
  /** What the next poll gives back. */
  readonly next: string;
  readonly eventCount: number;
}

/** What a notice costs, about. */
const NOTICE_BYTES = 256;

export class PollBuffer implements ClientOutput {
  readonly #onChange: () => void;
  readonly #onError: (frame: Extract<ServerFrame, { type: 'error' }>) => void;
  #ids: EventIds | null = null;
  #items: Item[] = [];
  #byteLength = 0;
  #eventCount = 0;
  #noticeCount = 0;
  #isReplaying = false;

  /** @param onChange there is more to answer, or it is complete now */
  constructor(onChange: () => void, onError: (frame: Extract<ServerFrame, { type: 'error' }>) => void) {
    this.#onChange = onChange;
    this.#onError = onError;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  get eventCount(): number {
    return this.#eventCount;
  }

  /** There is something that a client must be told. */
  get hasNews(): boolean {
    return this.#eventCount + this.#noticeCount > 0;
  }

  /** The subscription has begun. */
  get isBegun(): boolean {
    return this.#ids !== null;
  }

  /** What lies between the token and the present is still coming. */
  get isReplaying(): boolean {
    return this.#isReplaying;
  }

  say(frame: ServerFrame): void {
    switch (frame.type) {
      case 'subscribed': {
        const { topicId, position } = decodeResumeToken(frame.position);
        this.#ids = new EventIds(topicId, position);
        this.#isReplaying = frame.replaying;
        break;
      }
      case 'live':
        this.#isReplaying = false;
        break;
      case 'position':
        for (const [partition, to] of decodeResumeToken(frame.token).position) this.#moved(partition, to);
        return;
      case 'gap': {
        const { partition, from, to, code, message } = frame;
        this.#notice({ kind: 'gap', gap: { partition, from, to, code, message } });
        break;
      }
      case 'shed': {
        const { partition, from, to, count, reason } = frame;
        this.#notice({ kind: 'shed', shed: { partition, from, to, count, reason } });
        break;
      }
      case 'error':
        this.#onError(frame);
        return;
    }
    this.#onChange();
  }

  give({ partition, to, events }: FollowedFrame): void {
    const last = events.length - 1;
    events.forEach((event, i) => {
      this.#items.push({ kind: 'event', partition, event, to: i === last ? to : event.cursor });
      this.#byteLength += event.bytes.length;
    });
    this.#eventCount += events.length;
    if (events.length === 0) this.#moved(partition, to);
    this.#onChange();
  }

  /**
   * Takes what fits into one answer.
   *
   * @param maxBytes event bytes at most, about: at least one event is taken
   */
  take(maxEvents: number, maxBytes: number): PollAnswer {
    const events: string[] = [];
    const gaps: Gap[] = [];
    const sheds: Shed[] = [];
    let bytes = 0;
    let taken = 0;
    for (const item of this.#items) {
      // A notice belongs to what follows it.
      if (events.length === maxEvents && item.kind !== 'moved') break;
      if (item.kind === 'event') {
        bytes += item.event.bytes.length;
        if (bytes > maxBytes && events.length > 0) break;
        events.push(eventText(item.partition, item.event));
        this.#byteLength -= item.event.bytes.length;
      } else if (item.kind !== 'moved') {
        this.#byteLength -= NOTICE_BYTES;
        this.#noticeCount -= 1;
        if (item.kind === 'gap') gaps.push(item.gap);
        else sheds.push(item.shed);
      }
      this.#move(item);
      taken += 1;
    }
    this.#items.splice(0, taken);
    this.#eventCount -= events.length;
    const next = this.#ids?.token ?? '';
    const rest = JSON.stringify({ next, gaps, sheds, more: this.hasNews || this.#isReplaying });
    return { body: `{"events":[${events.join(',')}],${rest.slice(1)}`, next, eventCount: events.length };
  }

  #notice(item: Item): void {
    this.#items.push(item);
    this.#noticeCount += 1;
    this.#byteLength += NOTICE_BYTES;
  }

  #moved(partition: number, to: Cursor): void {
    const last = this.#items.at(-1);
    if (last === undefined) this.#ids?.move(partition, to);
    else this.#items.push({ kind: 'moved', partition, to });
  }

  /** The items before it, and it, are told: the token is behind them. */
  #move(item: Item): void {
    if (item.kind === 'gap') {
      const [offset, index] = item.gap.to;
      this.#ids?.move(item.gap.partition, { offset, index });
    } else if (item.kind !== 'shed') {
      this.#ids?.move(item.partition, item.to);
    }
  }
}

const eventText = (partition: number, { cursor, bytes }: FollowedEvent): string =>
  `{"cursor":[${partition},${cursor.offset},${cursor.index}],"event":${bytes.toString()}}`;
