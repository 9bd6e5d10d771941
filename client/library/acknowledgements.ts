// What the user said about deliveries, on its way to the service: gathered into few messages, kept until the service has
// stored it, and said again on the next connection until then.
//
//   ack, nack ──▶ waiting ──message with seq──▶ unconfirmed ──acked {seq}──▶ stored
//                    ▲──────connection lost──────────┘
//
// Bounded by the edge: it delivers no more than may be unacknowledged.

import { type Cursor, compareCursors } from '../../schemas/cursor.ts';
import type { MdsError } from '../../schemas/errors.ts';
import type { AckMessage, NackMessage, WireEventCursor } from '../../schemas/frames.ts';
import { type EventCursor, eventKey } from './events.ts';

export interface NackOptions {
  /** Shown with the dead letter; at most 500 characters of it. */
  readonly reason?: string;
  /** Not before this; default: the subscription's backoff. */
  readonly delayMs?: number;
}

/** What was said about one event. */
export interface Answer {
  readonly cursor: EventCursor;
  /** Null: it is done. */
  readonly nack: NackOptions | null;
  /** May go as part of `upTo`: see DeliveryBook. */
  readonly isCumulative: () => boolean;
  /** Settles when the service has stored it, or never will; null: nobody waits for that. */
  readonly stored: Stored | null;
}

export type Stored = Pick<PromiseWithResolvers<void>, 'resolve' | 'reject'>;

/** A message of 1,000 cursors has about 25 KB: well below what edges take. */
export const MAX_MESSAGE_CURSORS = 1000;
/** Messages that wait for `acked`: more would only fill the outbox that all subscriptions of the connection share. */
const MAX_UNCONFIRMED = 16;

interface Sent {
  readonly seq: number;
  readonly answers: readonly Answer[];
}

export class Acknowledgements {
  #waiting = new Map<string, Answer>();
  #unconfirmed: Sent[] = [];
  #seq = 0;

  /** Said and not sent yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Said and not stored yet. */
  get size(): number {
    return this.#unconfirmed.reduce((sum, { answers }) => sum + answers.length, this.#waiting.size);
  }

  /** Of an event, the first answer counts until it is sent. */
  add(answer: Answer): void {
    const key = eventKey(answer.cursor);
    const first = this.#waiting.get(key);
    this.#waiting.set(key, first ? { ...first, stored: both(first.stored, answer.stored) } : answer);
  }

  /** The event came again: a nack that was not sent yet has what it wanted. */
  onRedelivered(cursor: EventCursor): void {
    const answer = this.#waiting.get(eventKey(cursor));
    if (!answer?.nack) return;
    this.#waiting.delete(eventKey(cursor));
    answer.stored?.resolve();
  }

  /**
   * The messages to send now: nacks first, so that no `upTo` that follows means them.
   *
   * @param lowestOpen of a partition: the first event that the user has and has said nothing about
   */
  messages(id: string, lowestOpen: (partition: number) => Cursor | null): (AckMessage | NackMessage)[] {
    const messages: (AckMessage | NackMessage)[] = [];
    const answers = [...this.#waiting.values()];
    const lowest = new Map<number, Cursor | null>();
    const isBelowOpen = ({ cursor }: Answer): boolean => {
      let open = lowest.get(cursor.partition);
      if (open === undefined) {
        open = lowestOpen(cursor.partition);
        lowest.set(cursor.partition, open);
      }
      return open === null || compareCursors(cursor, open) < 0;
    };
    for (const group of groupsOf(answers)) {
      for (let at = 0; at < group.length; at += MAX_MESSAGE_CURSORS) {
        if (this.#unconfirmed.length >= MAX_UNCONFIRMED) return messages;
        messages.push(this.#message(id, group.slice(at, at + MAX_MESSAGE_CURSORS), isBelowOpen));
      }
    }
    return messages;
  }

  /** The service has stored everything up to this number. */
  confirm(seq: number): void {
    for (const { stored } of this.#takeUpTo(seq)) stored?.resolve();
  }

  /** The service could not store what it got up to this number: those events come again, to somebody. */
  refuse(seq: number, error: MdsError): void {
    for (const { stored } of this.#takeUpTo(seq)) stored?.reject(error);
  }

  /** The connection is gone: what is not confirmed is said again on the next one, unless something else was said since. */
  onConnectionLost(): void {
    const again = new Map<string, Answer>();
    const said = [...this.#unconfirmed.flatMap(({ answers }) => answers), ...this.#waiting.values()];
    for (const answer of said) {
      const key = eventKey(answer.cursor);
      const stored = both(again.get(key)?.stored ?? null, answer.stored);
      again.set(key, { ...answer, isCumulative: never, stored });
    }
    this.#unconfirmed = [];
    this.#waiting = again;
  }

  /** Nothing can be stored any more. */
  fail(error: MdsError): void {
    for (const { answers } of this.#unconfirmed) for (const { stored } of answers) stored?.reject(error);
    for (const { stored } of this.#waiting.values()) stored?.reject(error);
    this.#unconfirmed = [];
    this.#waiting.clear();
  }

  #message(id: string, answers: readonly Answer[], isBelowOpen: (answer: Answer) => boolean): AckMessage | NackMessage {
    const seq = ++this.#seq;
    for (const { cursor } of answers) this.#waiting.delete(eventKey(cursor));
    this.#unconfirmed.push({ seq, answers });
    const nack = answers[0]?.nack;
    if (nack) return { type: 'nack', id, seq, cursors: answers.map(wireCursor), ...nack };
    const upTo = new Map<number, Answer>();
    const single: Answer[] = [];
    for (const answer of answers) {
      const { partition } = answer.cursor;
      if (!answer.isCumulative() || !isBelowOpen(answer)) single.push(answer);
      else if (isBehind(upTo.get(partition), answer)) upTo.set(partition, answer);
    }
    return {
      type: 'ack',
      id,
      seq,
      ...(upTo.size > 0 ? { upTo: [...upTo.values()].map(wireCursor) } : {}),
      ...(single.length > 0 ? { cursors: single.map(wireCursor) } : {}),
    };
  }

  #takeUpTo(seq: number): readonly Answer[] {
    const taken = this.#unconfirmed.filter((sent) => sent.seq <= seq);
    this.#unconfirmed = this.#unconfirmed.filter((sent) => sent.seq > seq);
    return taken.flatMap(({ answers }) => answers);
  }
}

const wireCursor = ({ cursor }: Answer): WireEventCursor => [cursor.partition, cursor.offset, cursor.index];
/** Of an event that was answered twice, both answers are stored together. */
function both(one: Stored | null, other: Stored | null): Stored | null {
  if (one === null || other === null) return one ?? other;
  return {
    resolve: () => {
      one.resolve();
      other.resolve();
    },
    reject: (error) => {
      one.reject(error);
      other.reject(error);
    },
  };
}

const never = (): boolean => false;
const isBehind = (one: Answer | undefined, other: Answer): boolean =>
  one === undefined || compareCursors(other.cursor, one.cursor) > 0;

/** Nacks of one reason and delay go together; acks are the last group. */
function groupsOf(answers: readonly Answer[]): (readonly Answer[])[] {
  const nacks = Map.groupBy(
    answers.filter(({ nack }) => nack !== null),
    ({ nack }) => JSON.stringify([nack?.reason, nack?.delayMs]),
  );
  return [...nacks.values(), answers.filter(({ nack }) => nack === null)];
}
