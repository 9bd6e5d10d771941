// The HTTP door of the edge: which request goes where, and what is refused before anything begins.
//
//   GET  /v1/topics/{topic}/events   an event stream, or a long poll, as Accept says
//   POST /v1/tickets                 a ticket for a page that cannot set headers

import { MdsError } from '../../../schemas/errors.ts';
import { corsHeaders, preflightHeaders } from './cors.ts';
import type { EventsDoor } from './events-door.ts';
import { Exchange, type HttpRequest, type RawRequest, type RawResponse } from './exchange.ts';
import type { HttpTelemetry } from './http-telemetry.ts';
import { answerProblem } from './problem-answer.ts';
import type { TicketsDoor } from './tickets-door.ts';

/** The longest filter, percent-encoded, and the token of a topic with 1,000 partitions. */
const MAX_URL_CHARS = 32_768;
/** A path may be much longer than what helps anybody. */
const MAX_QUOTED_CHARS = 200;
const EVENTS_PATH = /^\/v1\/topics\/([^/]+)\/events$/;
const TICKETS_PATH = '/v1/tickets';

export interface HttpDoorOptions {
  readonly isOriginAllowed: (origin: string) => boolean;
  /** Under which name the edge may be called. */
  readonly isHostAllowed: (host: string) => boolean;
  /** Counts a request. @throws MdsError `MDS_RATE_LIMITED` when its address sends too many */
  readonly countRequest: (address: Uint8Array) => void;
  readonly events: Pick<EventsDoor, 'handle'>;
  readonly tickets: Pick<TicketsDoor, 'handle'>;
  readonly telemetry: HttpTelemetry;
  /** A request was refused. */
  readonly onError: (error: MdsError) => void;
  /** An error that is none of the closed list. @returns the reference under which it was logged */
  readonly onUnexpected: (error: unknown) => string;
}

interface Route {
  /** Of a bounded number: a label of metrics. */
  readonly name: string;
  readonly methods: readonly string[];
  readonly handle: (exchange: Exchange) => Promise<void>;
}

export class HttpDoor {
  readonly #options: HttpDoorOptions;

  constructor(options: HttpDoorOptions) {
    this.#options = options;
  }

  /** Both are valid only during the call, the response longer when it is asked to tell of its abort, which it is. */
  handle(response: RawResponse, request: RawRequest): void {
    const exchange = new Exchange(response, request, (read) => this.#headersFor(read));
    const route = this.#routeOf(exchange.request);
    this.#answer(exchange, route).catch((error: unknown) => {
      const known =
        error instanceof MdsError
          ? error
          : new MdsError('MDS_INTERNAL', { reference: this.#options.onUnexpected(error) });
      this.#options.onError(known);
      this.#options.telemetry.onAnswer(route?.name ?? 'none', known.status);
      const allow = route === null ? {} : { allow: [...route.methods, 'OPTIONS'].join(', ') };
      answerProblem(exchange, known, known.status === 405 ? allow : {});
    });
  }

  async #answer(exchange: Exchange, route: Route | null): Promise<void> {
    const { method, path, query, origin, host } = exchange.request;
    this.#options.countRequest(exchange.address);
    const length = path.length + query.length;
    if (length > MAX_URL_CHARS) throw new MdsError('MDS_URL_TOO_LONG', { length, limit: MAX_URL_CHARS });
    if (!this.#options.isHostAllowed(host)) throw new MdsError('MDS_ORIGIN_REFUSED', { origin: host });
    if (!this.#options.isOriginAllowed(origin)) throw new MdsError('MDS_ORIGIN_REFUSED', { origin });
    if (route === null) throw new MdsError('MDS_NO_ROUTE', { method, path: path.slice(0, MAX_QUOTED_CHARS) });
    const { methods } = route;
    if (method === 'OPTIONS') {
      const headers = { ...preflightHeaders(origin, methods), allow: [...methods, 'OPTIONS'].join(', ') };
      exchange.answerHead(204, headers);
      this.#options.telemetry.onAnswer(route.name, 204);
    } else if (!methods.includes(method)) {
      throw new MdsError('MDS_METHOD_NOT_ALLOWED', { method, path, allowed: methods.join(' or ') });
    } else {
      await route.handle(exchange);
    }
  }

  #routeOf({ path }: HttpRequest): Route | null {
    const { events, tickets } = this.#options;
    const [, topic] = EVENTS_PATH.exec(path) ?? [];
    if (topic !== undefined) {
      return { name: 'events', methods: ['GET', 'HEAD'], handle: (exchange) => events.handle(exchange, topic) };
    }
    if (path === TICKETS_PATH) {
      return { name: 'tickets', methods: ['POST'], handle: (exchange) => tickets.handle(exchange) };
    }
    return null;
  }

  #headersFor({ origin }: HttpRequest): Readonly<Record<string, string>> {
    const safe = { 'x-content-type-options': 'nosniff' };
    return this.#options.isOriginAllowed(origin) ? { ...safe, ...corsHeaders(origin) } : safe;
  }
}
