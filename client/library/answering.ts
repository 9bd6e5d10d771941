// Sends what the user says about deliveries, gathered for a moment; what the service cannot be told now waits for the next
// connection.

import type { MdsError } from '../../schemas/errors.ts';
import type { ClientMessage } from '../../schemas/frames.ts';
import { Acknowledgements, type Answer, MAX_MESSAGE_CURSORS, type NackOptions } from './acknowledgements.ts';
import type { DeliveryBook } from './delivery-book.ts';
import type { EventCursor } from './events.ts';
import type { Clock } from './runtime.ts';

/** 50 ms: twenty messages a second at the most, of the fifty that an edge takes from a connection. */
const GATHER_MS = 50;
const MAX_REASON_CHARS = 500;

/** The way to the edge. */
interface Way {
  /** Null while the edge has not let the consumer in. */
  id(): string | null;
  send(message: ClientMessage): void;
}

export class Answering {
  readonly #clock: Clock;
  readonly #book: DeliveryBook;
  readonly #way: Way;
  readonly #acknowledgements = new Acknowledgements();
  #cancelGathering: (() => void) | null = null;
  #endError: MdsError | null = null;

  constructor(clock: Clock, book: DeliveryBook, way: Way) {
    this.#clock = clock;
    this.#book = book;
    this.#way = way;
  }

  /** Said and not stored yet. */
  get unconfirmed(): number {
    return this.#acknowledgements.size;
  }

  /** @param nack null: it is done. @returns settles when the service has stored it, or never will */
  say(cursor: EventCursor, nack: NackOptions | null, isCumulative: () => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => undefined); // whoever awaits it hears of it; an event that was not stored comes again
    if (this.#endError) {
      reject(this.#endError);
      return promise;
    }
    if (nack) this.#book.release(cursor);
    else this.#book.finish(cursor);
    this.#add({ cursor, nack: nack && limited(nack), stored: { resolve, reject }, isCumulative });
    return promise;
  }

  /** It came again, though it is done. */
  repeat(cursor: EventCursor): void {
    this.#add({ cursor, nack: null, stored: null, isCumulative: never });
  }

  /** There is no room for it: it comes again when there may be. */
  refuse(cursor: EventCursor): void {
    this.#add({ cursor, nack: { reason: 'the consumer holds as many as it may' }, stored: null, isCumulative: never });
  }

  /** The edge has let the consumer in (again): what waits goes out. */
  onAdmitted(): void {
    if (this.#acknowledgements.waiting > 0) this.sendNow();
  }

  onRedelivered(cursor: EventCursor): void {
    this.#acknowledgements.onRedelivered(cursor);
  }

  onStored(seq: number): void {
    this.#acknowledgements.confirm(seq);
    if (this.#acknowledgements.waiting > 0) this.#gather();
  }

  onNotStored(error: MdsError): void {
    const { seq } = error.details;
    this.#acknowledgements.refuse(typeof seq === 'number' ? seq : Number.MAX_SAFE_INTEGER, error);
  }

  onConnectionLost(): void {
    this.#stopGathering();
    this.#acknowledgements.onConnectionLost();
  }

  /** Nothing can be stored any more. */
  end(error: MdsError): void {
    this.#stopGathering();
    this.#endError = error;
    this.#acknowledgements.fail(error);
  }

  sendNow(): void {
    this.#stopGathering();
    const id = this.#way.id();
    if (id === null) return;
    const lowestOpen = (partition: number) => this.#book.lowestOpen(partition);
    for (const message of this.#acknowledgements.messages(id, lowestOpen)) this.#way.send(message);
  }

  #add(answer: Answer): void {
    this.#acknowledgements.add(answer);
    if (this.#acknowledgements.waiting === MAX_MESSAGE_CURSORS) this.sendNow();
    else this.#gather();
  }

  #gather(): void {
    if (this.#way.id() !== null) this.#cancelGathering ??= this.#clock.after(GATHER_MS, () => this.sendNow());
  }

  #stopGathering(): void {
    this.#cancelGathering?.();
    this.#cancelGathering = null;
  }
}

const never = (): boolean => false;

const limited = ({ reason, delayMs }: NackOptions): NackOptions => ({
  ...(reason === undefined ? {} : { reason: reason.slice(0, MAX_REASON_CHARS) }),
  ...(delayMs === undefined ? {} : { delayMs }),
});
