// What a connection needs from the rest of the edge: a socket, limits, and whom to tell.

import type { MdsError } from '../../schemas/errors.ts';
import type { ConsumeMessage, SubscribeMessage } from '../../schemas/frames.ts';
import type { Identity } from '../../schemas/identity/identity.ts';
import type { PlanFormat } from '../../schemas/plan/plan.ts';
import type { AskingClient, ClientSubscription, FrameBytes } from './client.ts';
import type { Connection } from './connection.ts';
import type { Outgoing } from './outgoing.ts';
import type { TenantAccount } from './tenants/tenant-account.ts';

/** The part of a uWebSockets.js WebSocket that is used; without a limit on backpressure it never drops. */
export interface Socket {
  /** @returns 1 when the network took it, 0 when part of it waits in a buffer */
  send(frame: FrameBytes, isBinary: boolean, compress: boolean): number;
  /** Bytes that the network has not taken yet. */
  getBufferedAmount(): number;
  /** Runs `send`, whose sends become one system call where they fit. */
  cork(send: () => void): unknown;
  /** Sends a close frame behind what is buffered. */
  end(closeCode: number, reason: string): void;
  /** Text as bytes. */
  getRemoteAddressAsText?(): ArrayBuffer;
  /** 4 or 16 bytes. */
  getRemoteAddress?(): ArrayBuffer;
}

export interface ConnectionLimits {
  readonly maxSubscriptions: number;
  readonly maxMessageBytes: number;
  readonly messagesPerSecond: number;
  /** Messages at once, after a silence. */
  readonly messageBurst: number;
  /** Acknowledgements have a limit of their own: a consumer sends as many as it has events. */
  readonly acknowledgementsPerSecond: number;
  /** Whether frames are compressed for clients that offered it. */
  readonly compresses: boolean;
  /** Unread bytes at which a client counts as slow. */
  readonly maxBufferedBytes: number;
  /** Upper bound of the random wait before a client that was closed should come back. */
  readonly reconnectSpreadMs: number;
}

/** What all connections of an edge share. */
export interface ConnectionContext {
  readonly edgeId: string;
  readonly limits: ConnectionLimits;
  readonly heartbeatMs: number;
  readonly outgoing: Outgoing;
  readonly subscribe: (client: AskingClient, message: SubscribeMessage | ConsumeMessage) => ClientSubscription;
  readonly unsubscribe: (subscription: ClientSubscription) => void;
  /** @throws MdsError `MDS_UNAUTHENTICATED` */
  readonly authenticate: (credential: string) => Promise<Identity>;
  /** Does the work now or when it is the tenant's turn. @returns true when it is done */
  readonly takeTurn: (tenant: string, work: () => void) => boolean;
  readonly now: () => number;
  /** ms since 1970 */
  readonly wallClock: () => number;
  readonly random: () => number;
  /** The network did not take everything that was written. */
  readonly onBehind: (connection: Connection) => void;
  readonly onClosing: (closeCode: number, connection: Connection) => void;
  /** The socket is gone. */
  readonly onClosed: (connection: Connection) => void;
  readonly onBytes: (byteCount: number) => void;
  /** The client is told of it. */
  readonly onError: (error: MdsError, connection: Connection) => void;
  /** An error that is none of the closed list. @returns the reference under which it was logged */
  readonly onUnexpected: (error: unknown) => string;
}

export interface ConnectionStart {
  /** Unique in the edge. */
  readonly number: number;
  readonly format: PlanFormat;
  readonly identity: Identity;
  /** Of the identity's tenant, which stays. */
  readonly account: TenantAccount;
}
