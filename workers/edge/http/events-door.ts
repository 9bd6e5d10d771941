// `GET /v1/topics/{topic}/events`: reads the request, asks who it is, and begins an event stream or a long poll with the edge's
// own subscriptions.

import { MdsError } from '../../../schemas/errors.ts';
import type { SubscribeMessage } from '../../../schemas/frames.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { encodeResumeToken } from '../../../schemas/resume-token.ts';
import type { ClientSubscription } from '../client.ts';
import type { SpokenClient } from '../client-output.ts';
import type { Arrival } from '../entry/arrivals.ts';
import type { Reading } from '../reading.ts';
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
import type { HttpClient, HttpContext, Seat } from './http-client.ts';
import { LingeringPolls } from './lingering-polls.ts';
import { type EventsMedia, mediaOf } from './media.ts';
import { PollSession } from './poll-session.ts';

/** What is to be begun, and what of it may be read. */
interface Wish {
  readonly message: SubscribeMessage;
  readonly reading: Reading;
}

/** Headers may be much longer than what helps anybody. */
const MAX_QUOTED_CHARS = 200;

export interface EventsDoorOptions {
  readonly context: HttpContext;
  readonly identification: Pick<Identification, 'of'>;
  /** @throws MdsError when it may not be read */
  readonly readingOf: (identity: Identity, message: SubscribeMessage) => Promise<Reading>;
  readonly follow: (client: SpokenClient, message: SubscribeMessage, reading: Reading) => ClientSubscription;
  /** A request has come: it counts until its arrival has left. @throws MdsError when the edge takes nobody now */
  readonly arrive: (address: Uint8Array) => Arrival;
  /** @throws MdsError when the edge or the tenant has no room for it */
  readonly admit: (arrival: Arrival, identity: Identity) => Seat;
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
    const arrival = this.#options.arrive(exchange.address);
    exchange.onOver(() => arrival.leave());
    const identity = await this.#options.identification.of(exchange.request);
    const wish = await this.#wishOf(request, identity);
    if (exchange.isOver) return;
    if (method === 'HEAD') {
      this.#answerHead(exchange, media);
      return;
    }
    const seat = this.#options.admit(arrival, identity);
    if (poll) this.#poll(exchange, poll, wish, seat);
    else this.#stream(exchange, wish, seat);
  }

  /** Once a second: silence and stalls. */
  tick(nowMs: number): void {
    this.#lingering.tick(nowMs);
    this.#options.context.telemetry.setLingering(this.#lingering.count);
    for (const client of [...this.#open]) client.tick(nowMs);
  }

  /** The edge sends everybody away: nobody waits for those between two polls. */
  endLingering(): void {
    this.#lingering.endAll();
  }

  onClosed(client: HttpClient): void {
    this.#open.delete(client);
  }

  #stream(exchange: Exchange, { message, reading }: Wish, seat: Seat): void {
    const stream = new EventStream(this.#options.context, exchange, seat);
    this.#opened(stream);
    stream.start(() => this.#options.follow(stream, message, reading));
  }

  #poll(exchange: Exchange, request: PollRequest, { message, reading }: Wish, seat: Seat): void {
    const { context, later, follow } = this.#options;
    const { identity } = seat;
    // The channel says what may be read: one that was planned under other grants is not gone on with.
    const wish = `${identity.tenant} ${identity.subject} ${reading.plan.channel} ${wishText(message)}`;
    const kept = request.start.kind === 'behind' ? this.#lingering.take(`${wish} ${request.start.token}`) : null;
    context.telemetry.onPoll(kept ? 'kept' : message.resume === undefined ? 'new' : 'replayed');
    const poll = { exchange, identity, waitMs: request.waitMs, maxEvents: request.maxEvents };
    if (kept) {
      this.#opened(kept);
      kept.wait(poll);
      return;
    }
    const onAnswered = (answered: PollSession, next: string): void =>
      this.#lingering.keep(answered, `${wish} ${next}`, context.now());
    const session = new PollSession({ context, seat, onAnswered, later }, identity);
    this.#opened(session);
    session.start(poll, () => follow(session, message, reading));
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

  async #wishOf({ message, start }: EventsRequest, identity: Identity): Promise<Wish> {
    const asked = start.kind === 'behind' ? { ...message, resume: start.token } : message;
    const reading = await this.#options.readingOf(identity, asked);
    switch (start.kind) {
      case 'now':
        return { message, reading };
      case 'earliest': {
        const { topicId } = reading.topic;
        return { message: { ...message, resume: encodeResumeToken({ topicId, position: new Map() }) }, reading };
      }
      case 'behind':
        return { message: { ...message, resume: start.token }, reading };
    }
  }
}
