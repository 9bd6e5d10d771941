// A socket that has not said yet who it is, or whose credential is being checked. It gets nothing but an answer to that;
// once it is known, everything it says and hears is a connection's.
//
//   (credential at the upgrade) ─▶ checking ──▶ connection
//   authenticate {withinMs} ◀── waiting ──auth──▶ checking      in time, or it is closed

import { CLOSE_CODES } from '../../../schemas/close-codes.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { parseClientMessage } from '../../../schemas/frame-reader.ts';
import type { ServerFrame } from '../../../schemas/frames.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { Socket } from '../connection.ts';
import { HeldMessages } from '../held-messages.ts';
import type { SocketHandlers } from '../websocket-server.ts';

/** Where the way of a guest goes on, or ends. */
export interface GuestHost {
  readonly withinMs: number;
  readonly maxMessageBytes: number;
  /** Checks it when it is the guest's turn, and calls one of `onIdentity` and `onRefused` then. */
  check(guest: Guest, credential: string): void;
  /** @returns what takes its place; or null: it was refused and its socket is closed */
  admit(guest: Guest, identity: Identity): SocketHandlers | null;
  /** It is no guest any more, whatever became of it. */
  onGone(guest: Guest): void;
  /** Whoever it was. */
  onSocketClosed(guest: Guest): void;
  onClosing(closeCode: number): void;
}

/** Messages that are no `auth`: a client that was written before there was authentication learns what is wrong, and why. */
const MAX_REFUSALS = 16;
/** Behind an `auth`: all that a client asks for at once. */
const MAX_HELD = 1024;

export class Guest implements SocketHandlers {
  readonly socket: Socket;
  readonly sinceMs: number;
  readonly address: string;
  readonly #host: GuestHost;
  #connection: SocketHandlers | null = null;
  #held: HeldMessages | null = null;
  #refusals = 0;
  #isGone = false;

  constructor(host: GuestHost, socket: Socket, address: string, nowMs: number) {
    this.#host = host;
    this.socket = socket;
    this.address = address;
    this.sinceMs = nowMs;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** @param credential what came with the upgrade */
  begin(credential: string | null): void {
    if (credential === null) this.#send({ type: 'authenticate', withinMs: this.#host.withinMs });
    else this.#check(credential);
  }

  /** @param bytes valid only during the call */
  onMessage(bytes: Uint8Array, isBinary: boolean): void {
    if (this.#connection) {
      this.#connection.onMessage(bytes, isBinary);
      return;
    }
    if (this.#isGone) return;
    if (isBinary || bytes.length > this.#host.maxMessageBytes) {
      this.#refuse(new MdsError('MDS_UNAUTHENTICATED'));
      return;
    }
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
    if (this.#held === null) this.#read(text);
    else if (!this.#held.push(text)) this.#refuse(new MdsError('MDS_UNAUTHENTICATED'));
  }

  onDrained(): void {
    this.#connection?.onDrained();
  }

  onSocketClosed(): void {
    this.#leave();
    this.#connection?.onSocketClosed();
    this.#host.onSocketClosed(this);
  }

  onIdentity(identity: Identity): void {
    if (this.#isGone) return;
    this.#connection = this.#host.admit(this, identity);
    const held = this.#held;
    this.#held = null;
    this.#leave();
    for (let text = held?.shift(); text !== undefined; text = held?.shift()) {
      this.#connection?.onMessage(Buffer.from(text), false);
    }
  }

  /** Its credential is refused, or cannot be checked. */
  onRefused(error: MdsError): void {
    if (!this.#isGone) this.#refuse(error);
  }

  onTooLate(): void {
    if (!this.#isGone) this.#refuse(new MdsError('MDS_UNAUTHENTICATED'));
  }

  #read(text: string): void {
    let id: string | undefined;
    try {
      const message = parseClientMessage(text);
      if (message.type === 'auth') {
        this.#check(message.credential);
        return;
      }
      id = message.id;
    } catch (error) {
      // What it says does not matter yet, only that it is nobody.
      if (!(error instanceof MdsError)) throw error;
    }
    this.#refusals += 1;
    const error = new MdsError('MDS_UNAUTHENTICATED');
    if (this.#refusals > MAX_REFUSALS) this.#refuse(error);
    else this.#sendError(error, id);
  }

  #check(credential: string): void {
    this.#held = new HeldMessages(MAX_HELD, this.#host.maxMessageBytes);
    this.#host.check(this, credential);
  }

  #refuse(error: MdsError): void {
    const closeCode = error.retryable ? CLOSE_CODES.INTERNAL : CLOSE_CODES.UNAUTHENTICATED;
    this.#leave();
    this.#sendError(error, undefined);
    this.#host.onClosing(closeCode);
    this.socket.end(closeCode, error.code);
  }

  #leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#host.onGone(this);
  }

  #sendError({ code, message, retryable }: MdsError, id: string | undefined): void {
    this.#send({ type: 'error', ...(id === undefined ? {} : { id }), code, message, retryable });
  }

  #send(frame: ServerFrame): void {
    this.socket.send(JSON.stringify(frame), false, false);
  }
}
