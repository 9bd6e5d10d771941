// `GET /v1/topics/{topic}/events`: reads the request, asks who it is, and begins an event stream or a long poll with the edge's
// own subscriptions.

import { CLOSE_CODES } from '../../../schemas/close-codes.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { SubscribeMessage } from '../../../schemas/frames.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { encodeResumeToken } from '../../../schemas/resume-token.ts';
import type { ClientSubscription } from '../client.ts';
import type { SpokenClient } from '../client-output.ts';
import type { Identification } from './credential.ts';
import { EventStream } from './event-stream.ts';
import {
  type EventsRequest,
  type PollRequest,
  readPollRequest,
  readStreamRequest,
  wishText,
} from './events-request.ts';
import type { Exchange } from './exchange.ts';
import type { HttpClient, HttpContext } from './http-client.ts';
import { LingeringPolls } from './lingering-polls.ts';
import { type EventsMedia, mediaOf } from './media.ts';
import { PollSession } from './poll-session.ts';
import type { Reading } from './reading.ts';

/** Headers may be much longer than what helps anybody. */
const MAX_QUOTED_CHARS = 200;

export interface EventsDoorOptions {
  readonly context: HttpContext;
  readonly identification: Pick<Identification, 'of' | 'stillOf'>;
  /** @throws MdsError when it may not be read */
  readonly readingOf: (identity: Identity, message: SubscribeMessage) => Promise<Reading>;
  readonly follow: (client: SpokenClient, message: SubscribeMessage) => ClientSubscription;
  /** @returns a number unique in the edge @throws MdsError when the edge takes nobody now */
  readonly admit: () => number;
  /** It counts as open from now on. */
  readonly onOpened: (client: HttpClient) => void;
  /** Runs it after that time. @returns what cancels it */
  readonly later: (delayMs: number, run: () => void) => () => void;
}

export class EventsDoor {
  readonly #options: EventsDoorOptions;
  readonly #open = new Set<HttpClient>();
  readonly #lingering: LingeringPolls;

  constructor(options: EventsDoorOptions) {
    const { maxLingering, pollLingerMs } = options.context.limits;
    this.#options = options;
    this.#lingering = new LingeringPolls(maxLingering, pollLingerMs);
  }

  /** @throws MdsError when it cannot begin; then nothing has */
  async handle(exchange: Exchange, topic: string): Promise<void> {
    const { accept, query: text, lastEventId, method } = exchange.request;
    const media = mediaOf(accept);
    if (media === null) throw new MdsError('MDS_NOT_ACCEPTABLE', { accept: accept.slice(0, MAX_QUOTED_CHARS) });
    const query = new URLSearchParams(text);
    const poll = media === 'poll' ? readPollRequest(topic, query) : null;
    const request = poll ?? readStreamRequest(topic, query, lastEventId);
    const identity = await this.#options.identification.of(exchange.request);
    const message = await this.#messageFor(request, identity);
    if (exchange.isOver) return;
    if (method === 'HEAD') this.#answerHead(exchange, media);
    else if (poll) this.#poll(exchange, poll, message, identity);
    else this.#stream(exchange, message, identity);
  }

  /** Once a second: silence, stalls, and who may not read any more. */
  tick(nowMs: number): void {
    this.#lingering.tick(nowMs);
    this.#options.context.telemetry.setLingering(this.#lingering.count);
    for (const client of [...this.#open]) {
      client.tick(nowMs);
      this.#recheck(client);
    }
  }

  /** The edge sends everybody away: nobody waits for those between two polls. */
  endLingering(): void {
    this.#lingering.endAll();
  }

  onClosed(client: HttpClient): void {
    this.#open.delete(client);
  }

  #stream(exchange: Exchange, message: SubscribeMessage, identity: Identity): void {
    const stream = new EventStream(this.#options.context, exchange, this.#options.admit(), identity);
    this.#opened(stream);
    stream.start(() => this.#options.follow(stream, message));
  }

  #poll(exchange: Exchange, request: PollRequest, message: SubscribeMessage, identity: Identity): void {
    const { admit, context, later, follow } = this.#options;
    const number = admit();
    const wish = `${identity.tenant} ${identity.subject} ${wishText(message)}`;
    const kept = request.start.kind === 'behind' ? this.#lingering.take(`${wish} ${request.start.token}`) : null;
    context.telemetry.onPoll(kept ? 'kept' : message.resume === undefined ? 'new' : 'replayed');
    const poll = { exchange, waitMs: request.waitMs, maxEvents: request.maxEvents };
    if (kept) {
      this.#opened(kept);
      kept.wait(poll);
      return;
    }
    const onAnswered = (answered: PollSession, next: string): void =>
      this.#lingering.keep(answered, `${wish} ${next}`, context.now());
    const session = new PollSession({ context, identity, number, onAnswered, later });
    this.#opened(session);
    session.start(poll, () => follow(session, message));
  }

  #answerHead(exchange: Exchange, media: EventsMedia): void {
    const type = media === 'poll' ? 'application/json' : 'text/event-stream';
    exchange.answerHead(200, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store' });
    this.#options.context.telemetry.onAnswer('events', 200);
  }

  #opened(client: HttpClient): void {
    this.#open.add(client);
    this.#options.onOpened(client);
  }

  /** What is to be planned, with what the grants of the identity demand. */
  async #messageFor({ message, start }: EventsRequest, identity: Identity): Promise<SubscribeMessage> {
    const asked = start.kind === 'behind' ? { ...message, resume: start.token } : message;
    const { topicId, filter } = await this.#options.readingOf(identity, asked);
    switch (start.kind) {
      case 'now':
        return { ...message, filter };
      case 'earliest':
        return { ...message, filter, resume: encodeResumeToken({ topicId, position: new Map() }) };
      case 'behind':
        return { ...message, filter, resume: start.token };
    }
  }

  #recheck(client: HttpClient): void {
    try {
      this.#options.identification.stillOf(client.identity);
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      client.close(CLOSE_CODES.PROTOCOL, error);
    }
  }
}
