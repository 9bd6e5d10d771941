// A client whose room a test decides, that checks what it is sent: each matching event up to where a frame or token says it
// has come is there, or counted as shed, in cursor order.

import { type Cursor, compareCursors } from '../../../../schemas/cursor.ts';
import { parseServerFrame } from '../../../../schemas/frame-reader.ts';
import type { EventsFrame, ServerFrame, ShedFrame } from '../../../../schemas/frames.ts';
import { OPEN_IDENTITY } from '../../../../schemas/identity/identity.ts';
import { decodeResumeToken } from '../../../../schemas/resume-token.ts';
import type { Client, FrameBytes } from '../../../../workers/edge/client.ts';

export interface Matching {
  readonly partition: number;
  readonly cursor: Cursor;
  readonly key: string;
}

export class WatchedClient implements Client {
  readonly identity = OPEN_IDENTITY;
  readonly format = 'json';
  isThrottled = false;
  bufferedBytes = 0;
  isAwaitingRoom = false;
  isEnded = false;
  closedWith: number | null = null;
  readonly frames: ServerFrame[] = [];
  readonly sent: Matching[] = [];
  readonly shed = { dropped: 0, conflated: 0 };
  /** Anything a correct edge never does. */
  readonly complaints: string[] = [];
  readonly #matching: readonly Matching[];
  readonly #reached = new Map<number, Cursor>();
  #told: ShedFrame[] = [];

  /** @param matching what the channel has in store, in cursor order for each partition; may grow */
  constructor(matching: readonly Matching[]) {
    this.#matching = matching;
  }

  get reached(): ReadonlyMap<number, Cursor> {
    return this.#reached;
  }

  read(byteLength: number): void {
    this.bufferedBytes = Math.max(0, this.bufferedBytes - byteLength);
  }

  send(bytes: FrameBytes): void {
    this.bufferedBytes += bytes.length;
    const frame = parseServerFrame(typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString());
    if (!frame) throw new Error('a frame of no type');
    this.frames.push(frame);
    if (frame.type === 'subscribed') this.#moveTo(frame.position);
    else if (frame.type === 'position') this.#onPosition(frame.token);
    else if (frame.type === 'shed') this.#told.push(frame);
    else if (frame.type === 'events') this.#onEvents(frame);
    else if (frame.type === 'gap') this.#reached.set(frame.partition, cursorOf(frame.to));
  }

  onSubscriptionEnded(): void {
    this.isEnded = true;
  }

  awaitRoom(): void {
    this.isAwaitingRoom = true;
  }

  close(closeCode: number): void {
    this.closedWith = closeCode;
  }

  #moveTo(token: string): void {
    for (const [partition, cursor] of decodeResumeToken(token).position) this.#reached.set(partition, cursor);
  }

  #onPosition(token: string): void {
    for (const [partition, cursor] of decodeResumeToken(token).position) {
      const claimed = this.#matchingIn(partition, cursor).length;
      if (claimed > 0) this.complaints.push(`a token claims ${claimed} events`);
    }
    this.#moveTo(token);
  }

  #onEvents({ partition, from, to, events }: EventsFrame): void {
    const matching = this.#matchingIn(partition, cursorOf(to));
    const [first] = matching;
    if (first && compareCursors(first.cursor, cursorOf(from)) <= 0) this.complaints.push('a frame begins too late');
    let left = matching.length;
    for (const shed of this.#told) {
      if (shed.partition !== partition || `${shed.from} ${shed.to}` !== `${from} ${to}`) {
        this.complaints.push('a shed frame does not stand before the frame of its range');
      }
      this.shed[shed.reason] += shed.count;
      left -= shed.count;
    }
    this.#told = [];
    if (left !== events.length) this.complaints.push(`${left} events of a range should have come: ${events.length}`);
    let last = -1;
    for (const { at } of events) {
      const place = matching.findIndex(({ cursor }) => compareCursors(cursor, cursorOf(at)) === 0);
      const event = matching[place];
      if (!event || place <= last) this.complaints.push(`event ${at} is out of order, or nobody's`);
      else this.sent.push(event);
      last = place;
    }
    this.#reached.set(partition, cursorOf(to));
  }

  #matchingIn(partition: number, to: Cursor): Matching[] {
    const reached = this.#reached.get(partition) ?? { offset: -1, index: 0 };
    return this.#matching.filter(
      ({ partition: of, cursor }) =>
        of === partition && compareCursors(cursor, reached) > 0 && compareCursors(cursor, to) <= 0,
    );
  }
}

const cursorOf = ([offset, index]: readonly [number, number]): Cursor => ({ offset, index });
