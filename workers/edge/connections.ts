// All open connections of the edge: lets new ones in while there is room, and knows who is open, to send them away when it
// drains and to end those whose identity has ended. Requests for events over HTTP count as connections too.
//
//   socket ──authentication off──▶ connection
//     └──────────────on──▶ guest ───who it is──▶ room in its tenant's quota? ──▶ connection
//   request ─────────────▶ arrival ─who it is──▶ room in its tenant's quota? ──▶ event stream or poll

import { randomBytes } from 'node:crypto';
import type { Authenticator } from '../../platform/identity/authenticator.ts';
import type { Logger } from '../../platform/log.ts';
import type { ErrorBook } from '../../platform/management/error-book.ts';
import { CLOSE_CODES } from '../../schemas/close-codes.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { GoodbyeFrame } from '../../schemas/frames.ts';
import { type Identity, OPEN_IDENTITY } from '../../schemas/identity/identity.ts';
import type { PlanFormat } from '../../schemas/plan/plan.ts';
import { Connection, type ConnectionContext, type Socket } from './connection.ts';
import type { ConnectionStart } from './connection-context.ts';
import type { EdgeConnectionLimits } from './connection-limits.ts';
import type { Drainable } from './drain.ts';
import { Addresses, type AddressLimits, addressKeyOf } from './entry/addresses.ts';
import { type Arrival, Arrivals } from './entry/arrivals.ts';
import type { Guest } from './entry/guest.ts';
import { type GuestLimits, Guests } from './entry/guests.ts';
import type { InspectedConnection } from './inspection/inspected.ts';
import type { Outgoing } from './outgoing.ts';
import type { SlowClients, WatchedConnection } from './slow-clients.ts';
import type { SubscriptionDoor } from './subscription-door.ts';
import type { Telemetry } from './telemetry.ts';
import type { TenantAccounts } from './tenants/tenant-accounts.ts';
import type { Turns } from './tenants/turns.ts';
import type { SocketHandlers } from './websocket-server.ts';

export interface ConnectionsOptions {
  readonly edgeId: string;
  readonly limits: EdgeConnectionLimits;
  readonly guestLimits: Omit<GuestLimits, 'maxMessageBytes'>;
  readonly addressLimits: AddressLimits;
  /** Counts what clients were told went wrong. */
  readonly errors: ErrorBook;
  readonly heartbeatMs: number;
  readonly authenticator: Authenticator;
  readonly accounts: TenantAccounts;
  readonly turns: Turns;
  readonly door: SubscriptionDoor;
  readonly outgoing: Outgoing;
  readonly telemetry: Telemetry;
  readonly slowClients: SlowClients;
  readonly log: Logger;
}

/** What is known of each, however it speaks. */
export interface OpenConnection extends InspectedConnection, Omit<Drainable, 'close'> {
  readonly close: Drainable['close'];
  /** What it may do has changed. */
  changeIdentity(identity: Identity): void;
  /** It is nobody any more. */
  endIdentity(): void;
}

interface Refusal {
  readonly closeCode: number;
  readonly reason: string;
}

/** Identities are looked at again by so many parts, one each tick: each of them once a second. */
const RECHECK_PARTS = 10;
/** Clients of a tenant at its limit come back at a random moment within this time: soon would not help. */
const LIMIT_SPREAD_MS = 10_000;

export class Connections {
  readonly open = new Set<OpenConnection>();
  readonly #options: ConnectionsOptions;
  readonly #context: ConnectionContext;
  readonly #guests: Guests;
  readonly #addresses: Addresses;
  readonly #arrivals = new Arrivals();
  #isDraining = false;
  #lastNumber = 0;
  #recheckedPart = 0;

  constructor(options: ConnectionsOptions) {
    const { edgeId, limits, guestLimits, heartbeatMs, authenticator, turns, door, outgoing, telemetry, slowClients } =
      options;
    const { errors } = options;
    this.#options = options;
    this.#addresses = new Addresses(options.addressLimits);
    this.#guests = new Guests({
      authenticator,
      limits: { ...guestLimits, maxMessageBytes: limits.maxMessageBytes },
      admit: (guest, format, identity) => this.#admit(guest, format, identity),
      onClosing: (closeCode) => telemetry.onClosing(closeCode),
      onSocketClosed: (address) => this.#addresses.leave(address),
      onUnexpected: (error) => this.#onUnexpected(error),
      now,
    });
    this.#context = {
      edgeId,
      limits,
      heartbeatMs,
      outgoing,
      subscribe: (client, message) => door.subscribe(client, message),
      unsubscribe: (subscription) => door.unsubscribe(subscription),
      authenticate: (credential) => authenticator.authenticate(credential),
      takeTurn: (tenant, work) => turns.take(tenant, work),
      now,
      wallClock: () => Date.now(),
      random: Math.random,
      onBehind: (connection) => slowClients.onBehind(connection, Date.now()),
      onClosing: (closeCode, connection) => this.onClosing(closeCode, connection),
      onClosed: (connection) => this.leave(connection),
      onError: (error, { identity: { tenant } }) => errors.record(error, { tenant }),
      onBytes: (byteCount) => telemetry.onBytes(byteCount),
      onUnexpected: (error) => this.#onUnexpected(error),
    };
  }

  /** Sockets that have not said yet who they are. */
  get guestCount(): number {
    return this.#guests.count;
  }

  /** From now on new sockets are sent elsewhere. */
  startDraining(): void {
    this.#isDraining = true;
  }

  /** They are welcome again. */
  stopDraining(): void {
    this.#isDraining = false;
  }

  /** Before anything is done for it. @returns false when its address connects too often */
  mayConnect(address: Uint8Array): boolean {
    return !this.#options.authenticator.isOn || this.#addresses.mayConnect(addressKeyOf(address), now());
  }

  /** @param credential what came with the upgrade */
  accept(socket: Socket, format: PlanFormat, credential: string | null = null): SocketHandlers | Refusal {
    const { limits, authenticator } = this.#options;
    if (this.#isDraining) return this.#refuse(CLOSE_CODES.DRAINING, 'MDS_SHUTTING_DOWN');
    if (this.#count >= limits.maxConnections) return this.#refuseForNumber();
    if (!authenticator.isOn) return this.#begin(socket, format, OPEN_IDENTITY);
    const address = addressKeyOf(new Uint8Array(socket.getRemoteAddress?.() ?? []));
    if (!this.#addresses.enter(address, now())) return this.#refuseForNumber();
    const guest = this.#guests.receive(socket, format, address, credential);
    if (guest) return guest;
    this.#addresses.leave(address);
    return this.#refuseForNumber();
  }

  /** Several times a second: ends what took too long, and whose identity is not what it was. */
  tick(): void {
    const { authenticator } = this.#options;
    if (!authenticator.isOn) return;
    this.#guests.tick();
    this.#recheckedPart = (this.#recheckedPart + 1) % RECHECK_PARTS;
    for (const connection of this.open) {
      if (connection.number % RECHECK_PARTS !== this.#recheckedPart) continue;
      const { identity } = connection;
      const present = authenticator.current(identity);
      if (present === null) connection.endIdentity();
      else if (present !== identity) connection.changeIdentity(present);
    }
  }

  #admit({ socket }: Guest, format: PlanFormat, identity: Identity): Connection | null {
    try {
      this.#options.accounts.of(identity.tenant).admitConnection(now());
      return this.#begin(socket, format, identity);
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      const { code, message } = error;
      const reconnectAfterMs = Math.round(Math.random() * LIMIT_SPREAD_MS);
      const goodbye: GoodbyeFrame = { type: 'goodbye', code, message, reconnectAfterMs, edges: [] };
      socket.send(JSON.stringify(goodbye), false, false);
      this.#options.telemetry.onClosing(CLOSE_CODES.TENANT_LIMIT);
      socket.end(CLOSE_CODES.TENANT_LIMIT, code);
      return null;
    }
  }

  #begin(socket: Socket, format: PlanFormat, identity: Identity): Connection {
    const account = this.#options.accounts.of(identity.tenant);
    const connection = new Connection(this.#context, socket, { number: this.#nextNumber(), format, identity, account });
    this.enter(connection);
    connection.welcome();
    return connection;
  }

  /** Counts a request over HTTP. @throws MdsError `MDS_RATE_LIMITED` */
  countRequest(address: Uint8Array): void {
    const limit = this.#options.addressLimits.connectsPerSecond;
    if (!this.mayConnect(address)) throw new MdsError('MDS_RATE_LIMITED', { limit, what: 'requests a second' });
  }

  /** A request for events has come. @throws MdsError `MDS_SHUTTING_DOWN` or `MDS_TOO_MANY_CONNECTIONS` */
  arrive(address: Uint8Array): Arrival {
    this.#assertRoom(this.#count);
    if (!this.#options.authenticator.isOn) return this.#arrivals.add(() => {});
    const key = addressKeyOf(address);
    const { connections: limit } = this.#options.addressLimits;
    if (!this.#addresses.enter(key, now())) throw new MdsError('MDS_TOO_MANY_CONNECTIONS', { limit });
    return this.#arrivals.add(() => this.#addresses.leave(key));
  }

  /**
   * Lets in one that is no socket of its own.
   *
   * @throws MdsError `MDS_SHUTTING_DOWN`, `MDS_TOO_MANY_CONNECTIONS`, `MDS_RATE_LIMITED` or `MDS_QUOTA_EXCEEDED`
   */
  admit(arrival: Arrival, identity: Identity): Omit<ConnectionStart, 'format'> {
    arrival.settle();
    this.#assertRoom(this.#count);
    const account = this.#options.accounts.of(identity.tenant);
    if (this.#options.authenticator.isOn) account.admitConnection(now());
    return { number: this.#nextNumber(), identity, account };
  }

  enter(connection: OpenConnection): void {
    this.open.add(connection);
    this.#options.telemetry.onOpened();
  }

  onClosing(closeCode: number, connection: WatchedConnection): void {
    const { telemetry, slowClients, limits } = this.#options;
    telemetry.onClosing(closeCode);
    if (closeCode !== CLOSE_CODES.SLOW_CONSUMER) return;
    slowClients.onClosedAsSlow(connection, limits.maxBufferedBytes, Date.now());
  }

  leave(connection: OpenConnection): void {
    this.open.delete(connection);
    this.#options.slowClients.onClosed(connection);
  }

  /** Whoever takes a place now, or may soon. */
  get #count(): number {
    return this.open.size + this.#guests.count + this.#arrivals.count;
  }

  #assertRoom(taken: number): void {
    const { maxConnections: limit } = this.#options.limits;
    if (this.#isDraining) throw new MdsError('MDS_SHUTTING_DOWN');
    if (taken >= limit) throw new MdsError('MDS_TOO_MANY_CONNECTIONS', { limit });
  }

  #nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  #refuseForNumber(): Refusal {
    return this.#refuse(CLOSE_CODES.TOO_MANY_CONNECTIONS, 'MDS_TOO_MANY_CONNECTIONS');
  }

  #refuse(closeCode: number, reason: string): Refusal {
    this.#options.telemetry.onClosing(closeCode);
    return { closeCode, reason };
  }

  #onUnexpected(error: unknown): string {
    const reference = randomBytes(6).toString('hex');
    this.#options.log.error({ err: error, reason: reasonOf(error), reference }, 'a client message failed unexpectedly');
    return reference;
  }
}

const now = (): number => performance.now();
