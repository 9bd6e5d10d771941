// Puts the parts of the HTTP door together, on what the edge has anyway: its subscriptions, its connections, its limits.

import { randomBytes } from 'node:crypto';
import { afterLook } from '../../../platform/catalog-look.ts';
import type { Authenticator } from '../../../platform/identity/authenticator.ts';
import type { Logger } from '../../../platform/log.ts';
import type { ErrorBook } from '../../../platform/management/error-book.ts';
import type { Metrics } from '../../../platform/metrics.ts';
import type { Redis } from '../../../platform/redis.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import type { EdgeConfig } from '../config.ts';
import type { Connections } from '../connections.ts';
import type { Delivery } from '../delivery.ts';
import { isHostAllowed, isOriginAllowed } from '../origin-check.ts';
import type { Outgoing } from '../outgoing.ts';
import type { Reading } from '../reading.ts';
import { readResumePosition } from '../resume-position.ts';
import type { SlowClients } from '../slow-clients.ts';
import type { SubscriptionDoor } from '../subscription-door.ts';
import type { Telemetry } from '../telemetry.ts';
import type { TenantAccounts } from '../tenants/tenant-accounts.ts';
import type { Turns } from '../tenants/turns.ts';
import { Identification } from './credential.ts';
import { EventsDoor } from './events-door.ts';
import type { HttpContext, HttpLimits } from './http-client.ts';
import { HttpDoor } from './http-door.ts';
import { HttpTelemetry } from './http-telemetry.ts';
import { Tickets } from './tickets.ts';
import { TicketsDoor } from './tickets-door.ts';

export interface HttpPartsOptions {
  readonly config: EdgeConfig;
  readonly edgeId: string;
  readonly redis: Redis;
  readonly authenticator: Authenticator;
  readonly delivery: Delivery;
  /** Reads the topics as they are now. @returns false when they could not be read */
  readonly lookAnew: () => Promise<boolean>;
  readonly door: SubscriptionDoor;
  readonly connections: Connections;
  readonly accounts: TenantAccounts;
  /** Planning is shared fairly with what comes over WebSockets. */
  readonly turns: Turns;
  readonly outgoing: Outgoing;
  readonly slowClients: SlowClients;
  readonly telemetry: Telemetry;
  readonly metrics: Metrics;
  /** Counts what clients were told went wrong. */
  readonly errors: ErrorBook;
  readonly log: Logger;
}

export interface HttpParts {
  readonly door: HttpDoor;
  /** Once a second. */
  tick(): void;
  /** Whoever is between two polls goes elsewhere. */
  endLingering(): void;
}

export function httpDoor(options: HttpPartsOptions): HttpParts {
  const { config, redis, authenticator, delivery, lookAnew, door, connections, accounts, turns, log } = options;
  const telemetry = new HttpTelemetry(options.metrics);
  const context: HttpContext = {
    edgeId: options.edgeId,
    limits: httpLimits(config),
    outgoing: options.outgoing,
    telemetry,
    now: () => performance.now(),
    wallClock: () => Date.now(),
    takeTurn: (tenant, work) => turns.take(tenant, work),
    random: Math.random,
    onBehind: (client) => options.slowClients.onBehind(client, Date.now()),
    onClosing: (closeCode, client) => connections.onClosing(closeCode, client),
    onClosed: (client) => {
      events.onClosed(client);
      connections.leave(client);
    },
    onError: ({ code, details }, { identity }) =>
      options.errors.record(new MdsError(code, details), { tenant: identity.tenant }),
    onBytes: (byteCount) => options.telemetry.onBytes(byteCount),
  };
  const tickets = new Tickets(redis, config.redisPrefix, () => Date.now());
  const events = new EventsDoor({
    context,
    identification: new Identification(authenticator, tickets),
    readingOf: (identity, message) => {
      accounts.of(identity.tenant).admitPlanning(context.now());
      const plan = (): Reading => {
        const reading = delivery.readingOf({ identity, format: 'json' }, message);
        if (message.resume !== undefined) readResumePosition(message.resume, reading.topic);
        return reading;
      };
      return afterLook(() => turns.taken(identity.tenant, plan), lookAnew);
    },
    follow: (client, message, reading) => door.follow(client, message, reading),
    arrive: (address) => connections.arrive(address),
    admit: (arrival, identity) => connections.admit(arrival, identity),
    onOpened: (client) => connections.enter(client),
    later: (delayMs, run) => {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  });
  const http = new HttpDoor({
    isOriginAllowed: (origin) => isOriginAllowed(origin, config.edgeAllowedOrigins),
    isHostAllowed: (host) => authenticator.isOn || isHostAllowed(host, config.edgeAllowedOrigins),
    countRequest: (address) => connections.countRequest(address),
    events,
    tickets: new TicketsDoor(authenticator, tickets, telemetry),
    telemetry,
    onError: (error) => options.errors.record(error),
    onUnexpected: (error) => {
      const reference = randomBytes(6).toString('hex');
      log.error({ err: error, reason: reasonOf(error), reference }, 'an HTTP request failed unexpectedly');
      return reference;
    },
  });
  return { door: http, tick: () => events.tick(context.now()), endLingering: () => events.endLingering() };
}

/** uWebSockets.js cuts off, without a word, whoever takes nothing for 8 to 12 s behind a write that failed. */
const STALL_MS = 6000;

const httpLimits = (config: EdgeConfig): HttpLimits => ({
  maxBufferedBytes: config.edgeMaxBufferedBytes,
  keepAliveMs: config.edgeStreamKeepAliveMs,
  stallMs: STALL_MS,
  reconnectSpreadMs: config.edgeReconnectSpreadMs,
  pollBytes: config.edgePollBytes,
  lingerBytes: Math.floor(config.edgeMaxBufferedBytes / 2),
  pollLingerMs: config.edgePollLingerMs,
  maxLingering: config.edgePollLingering,
});
