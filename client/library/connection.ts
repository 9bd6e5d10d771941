// One WebSocket connection to one edge, from opening to its end. It ends exactly once, whatever happens first: the socket
// closes, the edge says goodbye, nothing is heard for too long, or a frame makes no sense. Nothing is heard from it after.

import { CLOSE_CODES, isResumable } from '../../schemas/close-codes.ts';
import { ERROR_KINDS, isMdsErrorCode, MdsError, reasonOf } from '../../schemas/errors.ts';
import { parseServerFrame } from '../../schemas/frame-reader.ts';
import {
  type ClientMessage,
  type ErrorFrame,
  type GoodbyeFrame,
  type ServerFrame,
  SUBPROTOCOL_AVRO,
  SUBPROTOCOL_JSON,
  type WelcomeFrame,
} from '../../schemas/frames.ts';
import { parseAvroFrame } from '../../schemas/frames-avro.ts';
import { mdsErrorOf } from './error-frame.ts';
import { Outbox } from './outbox.ts';
import type { Runtime, Socket } from './runtime.ts';

/** 10 s to open and be welcomed: longer than any healthy edge takes, short enough to try another one. */
const OPEN_TIMEOUT_MS = 10_000;
/** After one heartbeat interval of silence the client asks, after three the connection is dead. */
const SILENT_INTERVALS = 3;
/** Application codes below 4000 are free for clients; a browser accepts no standard code but 1000. */
const CLIENT_GAVE_UP = 3000;
/** When an edge states no limit. */
const DEFAULT_MESSAGES_PER_SECOND = 50;

/** How events travel: as JSON text, or as the Avro bytes that their producers wrote. */
export type EventFormat = 'json' | 'avro';

export interface ConnectionEnd {
  /** False: reconnecting would meet the same refusal. */
  readonly resumable: boolean;
  readonly reason: string;
  readonly closeCode: number | null;
  readonly goodbye: GoodbyeFrame | null;
  /** The edge does not accept who this is. */
  readonly isUnauthenticated: boolean;
}

export interface ConnectionHandlers {
  onWelcome(welcome: WelcomeFrame): void;
  /** Every frame that is not about the connection itself. */
  onFrame(frame: ServerFrame): void;
  /** The edge has accepted a new credential. */
  onAuthenticated(expiresInMs: number | null): void;
  /** Something concerning the connection as a whole went wrong, and it goes on. */
  onError(error: MdsError): void;
  onEnd(end: ConnectionEnd): void;
}

export class Connection {
  readonly url: string;
  readonly #format: EventFormat;
  readonly #credential: string | null;
  readonly #runtime: Runtime;
  readonly #handlers: ConnectionHandlers;
  readonly #socket: Socket;
  #outbox: Outbox | null = null;
  #ended = false;
  #heartbeatMs = 0;
  #heardAtMs = 0;
  #cancelTimer: () => void;
  /** The last error frame that named no subscription: the best explanation of a close that follows. */
  #lastError: string | null = null;

  /**
   * @param credential shown when the edge asks for one; null: there is none
   * @throws whatever the WebSocket constructor throws for a bad URL
   */
  constructor(
    url: string,
    format: EventFormat,
    credential: string | null,
    runtime: Runtime,
    handlers: ConnectionHandlers,
  ) {
    this.url = url;
    this.#credential = credential;
    this.#runtime = runtime;
    this.#handlers = handlers;
    this.#format = format;
    this.#socket = new runtime.WebSocket(url, format === 'json' ? SUBPROTOCOL_JSON : SUBPROTOCOL_AVRO);
    this.#socket.binaryType = 'arraybuffer';
    this.#cancelTimer = runtime.clock.after(OPEN_TIMEOUT_MS, () => {
      this.#giveUp(`no welcome within ${OPEN_TIMEOUT_MS} ms`);
    });
    this.#socket.addEventListener('message', (event) => this.#onMessage(event.data));
    this.#socket.addEventListener('close', (event) => this.#onClose(event.code, event.reason));
    // Every error is followed by a close, which carries what can be known.
    this.#socket.addEventListener('error', () => undefined);
  }

  /** @throws MdsError `MDS_RATE_LIMITED` when too many messages wait to be sent */
  send(message: ClientMessage): void {
    if (!this.#ended) this.#outbox?.send(JSON.stringify(message));
  }

  /** Ends the connection without telling the handlers. */
  close(): void {
    if (this.#ended) return;
    this.#stop();
    this.#socket.close(1000);
  }

  #onMessage(data: unknown): void {
    if (this.#ended) return;
    this.#heardAtMs = this.#runtime.clock.now();
    try {
      const frame = this.#parse(data);
      if (frame) this.#onFrame(frame);
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      this.#giveUp(reasonOf(error));
    }
  }

  #parse(data: unknown): ServerFrame | null {
    if (typeof data === 'string') return parseServerFrame(data);
    if (this.#format !== 'avro') throw new MdsError('MDS_FRAME_CORRUPT', { reason: 'it is binary' });
    if (!(data instanceof ArrayBuffer)) throw new MdsError('MDS_FRAME_CORRUPT', { reason: 'it is no ArrayBuffer' });
    return parseAvroFrame(new Uint8Array(data));
  }

  #onFrame(frame: ServerFrame): void {
    switch (frame.type) {
      case 'welcome':
        this.#onWelcome(frame);
        break;
      case 'authenticate':
        this.#authenticate();
        break;
      case 'authenticated':
        this.#handlers.onAuthenticated(frame.expiresInMs);
        break;
      case 'pong':
        break;
      case 'goodbye':
        this.#lastError = frame.message;
        // An edge that goes away need not be waited for: what it had not sent yet comes again from the next one.
        if (!isMdsErrorCode(frame.code) || ERROR_KINDS[frame.code].retryable) this.#giveUp(frame.message, frame);
        break;
      case 'error':
        if (frame.id === undefined) this.#onError(frame);
        else this.#handlers.onFrame(frame);
        break;
      default:
        this.#handlers.onFrame(frame);
    }
  }

  #authenticate(): void {
    if (this.#credential === null) {
      this.#stop();
      this.#socket.close(CLIENT_GAVE_UP);
      const { message: reason } = new MdsError('MDS_UNAUTHENTICATED');
      this.#handlers.onEnd({ resumable: false, reason, closeCode: null, goodbye: null, isUnauthenticated: true });
      return;
    }
    const message: ClientMessage = { type: 'auth', credential: this.#credential };
    this.#socket.send(JSON.stringify(message)); // before the welcome there is no outbox
  }

  #onError({ code, message, details }: ErrorFrame): void {
    this.#lastError = message;
    this.#handlers.onError(mdsErrorOf(code, message, details));
  }

  #onWelcome(welcome: WelcomeFrame): void {
    if (this.#outbox) throw new MdsError('MDS_FRAME_CORRUPT', { reason: 'the edge welcomed twice' });
    const messagesPerSecond = welcome.limits?.messagesPerSecond ?? DEFAULT_MESSAGES_PER_SECOND;
    this.#outbox = new Outbox((text) => this.#socket.send(text), this.#runtime.clock, messagesPerSecond);
    this.#heartbeatMs = welcome.heartbeatMs;
    this.#cancelTimer();
    if (this.#heartbeatMs > 0) this.#watch();
    this.#handlers.onWelcome(welcome);
  }

  /** A page cannot see the protocol's own pings, so the watch asks with messages. */
  #watch(): void {
    this.#cancelTimer = this.#runtime.clock.after(this.#heartbeatMs, () => {
      const silentMs = this.#runtime.clock.now() - this.#heardAtMs;
      if (silentMs >= this.#heartbeatMs * SILENT_INTERVALS) {
        this.#giveUp(`nothing was heard from the edge for ${silentMs} ms`);
        return;
      }
      if (silentMs >= this.#heartbeatMs) this.#outbox?.send(JSON.stringify({ type: 'ping' }));
      this.#watch();
    });
  }

  #onClose(closeCode: number, closeReason: string): void {
    if (this.#ended) return;
    this.#stop();
    const reason = this.#lastError ?? (closeReason || `closed with code ${closeCode}`);
    const isUnauthenticated = closeCode === CLOSE_CODES.UNAUTHENTICATED;
    this.#handlers.onEnd({ resumable: isResumable(closeCode), reason, closeCode, goodbye: null, isUnauthenticated });
  }

  /** Ends it from this side. The socket's own close may take long when the edge is gone, so it is not waited for. */
  #giveUp(reason: string, goodbye: GoodbyeFrame | null = null): void {
    if (this.#ended) return;
    this.#stop();
    this.#socket.close(CLIENT_GAVE_UP);
    this.#handlers.onEnd({ resumable: true, reason, closeCode: null, goodbye, isUnauthenticated: false });
  }

  #stop(): void {
    this.#ended = true;
    this.#cancelTimer();
    this.#outbox?.close();
  }
}
