// What event streams and polls of an edge share, and what the edge sees of each of them.

import type { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { OpenConnection } from '../connections.ts';
import type { Outgoing } from '../outgoing.ts';
import type { WatchedConnection } from '../slow-clients.ts';
import type { TenantAccount } from '../tenants/tenant-account.ts';
import type { HttpTelemetry } from './http-telemetry.ts';

export interface HttpLimits {
  /** Unread bytes at which a client counts as slow. */
  readonly maxBufferedBytes: number;
  /** Silence after which a stream says that it is still there. */
  readonly keepAliveMs: number;
  /** A client that has not read for so long is gone. */
  readonly stallMs: number;
  /** Upper bound of the random wait before a client that was closed should come back. */
  readonly reconnectSpreadMs: number;
  /** Event bytes of one answer to a poll, about. */
  readonly pollBytes: number;
  /** Of what may wait for the next poll of one subscription. */
  readonly lingerBytes: number;
  /** How long a poller's subscription is kept for its next poll. */
  readonly pollLingerMs: number;
  /** Such subscriptions. */
  readonly maxLingering: number;
}

export interface HttpContext {
  readonly edgeId: string;
  readonly limits: HttpLimits;
  readonly outgoing: Outgoing;
  readonly telemetry: HttpTelemetry;
  readonly now: () => number;
  /** ms since 1970 */
  readonly wallClock: () => number;
  /** Does the work now or when it is the tenant's turn. */
  readonly takeTurn: (tenant: string, work: () => void) => void;
  readonly random: () => number;
  /** The network did not take everything that was written. */
  readonly onBehind: (client: WatchedConnection) => void;
  readonly onClosing: (closeCode: number, client: WatchedConnection) => void;
  /** It was told that something went wrong. */
  readonly onError: (error: Failure, client: HttpClient) => void;
  /** Its request is over. */
  readonly onClosed: (client: HttpClient) => void;
  readonly onBytes: (byteCount: number) => void;
}

/** What an error says, whether it was thrown or stands in a frame. */
export type Failure = Pick<MdsError, 'code' | 'message' | 'retryable' | 'details'>;

/** What a request for events gets when it is let in. */
export interface Seat {
  /** Unique in the edge. */
  readonly number: number;
  readonly identity: Identity;
  /** Of the identity's tenant, which stays. */
  readonly account: TenantAccount;
}

/** An open request for events. */
export interface HttpClient extends OpenConnection {
  /** Once a second. */
  tick(nowMs: number): void;
}

export const reconnectAfterMs = ({ random, limits }: HttpContext): number =>
  Math.round(random() * limits.reconnectSpreadMs);

/** 500 ms: a browser keeps to what it was told last, also while nobody answers, for as long as that takes. */
const MIN_RETRY_MS = 500;

/** After which time a browser should come back when its stream has ended, for whatever reason. */
export const retryMs = (context: HttpContext): number => MIN_RETRY_MS + reconnectAfterMs(context);
