// What a replay makes of events, and of the live frames it holds for its seam: pieces that are given one after the other as
// fast as the receiver takes them. A client gets frames of its own, a follower gets batches.

import type { Cursor } from '../../schemas/cursor.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { GapFrame } from '../../schemas/frames.ts';
import type { Client, FrameBytes } from './client.ts';
import { addressedTo, type BuiltFrame, type FrameBuilder } from './events-frame.ts';
import { batchOf, type EventBatch, type Follower } from './follower.ts';
import type { GatheredEvents } from './gathered-events.ts';

export interface Piece {
  readonly partition: number;
  /** When it was given, the receiver has come to here. */
  readonly to: Cursor;
  readonly byteLength: number;
  readonly eventCount: number;
  /** Hands it to the receiver, which may end everything in answer. */
  give(): void;
}

/** A range of one partition that Kafka no longer holds. */
export interface ExpiredRange {
  readonly partition: number;
  readonly from: Cursor;
  readonly to: Cursor;
}

/** Says which range a subscription will never get, and why. */
export function gapFrame(id: string, { partition, from, to }: ExpiredRange): GapFrame {
  const { code, message } = new MdsError('MDS_REPLAY_EXPIRED');
  return { type: 'gap', id, partition, from: [from.offset, from.index], to: [to.offset, to.index], code, message };
}

export interface ReplayOutput {
  /** True while the receiver must first take what it has. */
  readonly isFull: boolean;
  /** True while nothing is to be given, asked for or held at all. */
  readonly isPaused: boolean;
  /** Pieces whose ranges touch. */
  pieces(events: GatheredEvents): Piece[];
  expired(range: ExpiredRange): Piece;
}

export interface FrameOutputOptions {
  readonly client: Client;
  readonly subscriptionId: string;
  /** 32 hex characters. */
  readonly channel: string;
  readonly builder: FrameBuilder;
  /** Nothing is given while more than this waits in the client's buffer. */
  readonly lowWaterBytes: number;
  readonly now: () => number;
}

export class FrameOutput implements ReplayOutput {
  readonly #options: FrameOutputOptions;

  constructor(options: FrameOutputOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#options.client.bufferedBytes >= this.#options.lowWaterBytes;
  }

  get isPaused(): boolean {
    return this.#options.client.isThrottled;
  }

  pieces(events: GatheredEvents): Piece[] {
    const { builder, channel, client, now } = this.#options;
    const pieces: Piece[] = [];
    builder.build(channel, client.format, events, now(), (frame) => pieces.push(this.pieceOf(frame)));
    return pieces;
  }

  /** @param frame valid only now: it is copied */
  pieceOf(frame: BuiltFrame): Piece {
    return this.#piece(frame, addressedTo(frame, this.#options.subscriptionId));
  }

  /** @param frame kept by the caller until the piece is given or dropped: addressed only then */
  heldPieceOf(frame: BuiltFrame): Piece {
    const { client, subscriptionId } = this.#options;
    const { partition, to, eventCount, bytes } = frame;
    const give = (): void => client.send(addressedTo(frame, subscriptionId), eventCount);
    return { partition, to, eventCount, byteLength: bytes.length, give };
  }

  expired(range: ExpiredRange): Piece {
    const { partition, to } = range;
    return this.#piece({ partition, to, eventCount: 0 }, JSON.stringify(gapFrame(this.#options.subscriptionId, range)));
  }

  #piece(of: Pick<Piece, 'partition' | 'to' | 'eventCount'>, bytes: FrameBytes): Piece {
    const { client } = this.#options;
    const { partition, to, eventCount } = of;
    return { partition, to, eventCount, byteLength: bytes.length, give: () => client.send(bytes, eventCount) };
  }
}

export class BatchOutput implements ReplayOutput {
  readonly #follower: Follower;

  constructor(follower: Follower) {
    this.#follower = follower;
  }

  get isFull(): boolean {
    return this.#follower.isFull;
  }

  get isPaused(): boolean {
    return this.#follower.isPaused ?? false;
  }

  pieces(events: GatheredEvents): Piece[] {
    return events.count === 0 ? [] : [this.pieceOf(batchOf(events))];
  }

  pieceOf(batch: EventBatch): Piece {
    const { partition, to, byteLength, events } = batch;
    const give = (): void => this.#follower.onEvents(batch);
    return { partition, to, byteLength, eventCount: events.length, give };
  }

  expired(range: ExpiredRange): Piece {
    const { partition, to } = range;
    const give = (): void => this.#follower.onLost({ ...range, error: new MdsError('MDS_REPLAY_EXPIRED') });
    return { partition, to, byteLength: 0, eventCount: 0, give };
  }
}
