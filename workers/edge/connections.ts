// All open connections of the edge: admits sockets up to the limit, and makes a Connection of each. Requests for events over
// HTTP count as connections too.

import { randomBytes } from 'node:crypto';
import type { Logger } from '../../platform/log.ts';
import type { ErrorBook } from '../../platform/management/error-book.ts';
import { CLOSE_CODES } from '../../schemas/close-codes.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { PlanFormat } from '../../schemas/plan/plan.ts';
import { Connection, type ConnectionContext, type Socket } from './connection.ts';
import type { EdgeConnectionLimits } from './connection-limits.ts';
import type { Drainable } from './drain.ts';
import type { InspectedConnection } from './inspection/inspected.ts';
import type { Outgoing } from './outgoing.ts';
import type { SlowClients, WatchedConnection } from './slow-clients.ts';
import type { SubscriptionDoor } from './subscription-door.ts';
import type { Telemetry } from './telemetry.ts';

export interface ConnectionsOptions {
  readonly edgeId: string;
  readonly limits: EdgeConnectionLimits;
  /** Counts what clients were told went wrong. */
  readonly errors: ErrorBook;
  readonly heartbeatMs: number;
  readonly door: SubscriptionDoor;
  readonly outgoing: Outgoing;
  readonly telemetry: Telemetry;
  readonly slowClients: SlowClients;
  readonly log: Logger;
}

/** What is known of each, however it speaks. */
export interface OpenConnection extends InspectedConnection, Omit<Drainable, 'close'> {
  readonly close: Drainable['close'];
}

export class Connections {
  readonly open = new Set<OpenConnection>();
  readonly #options: ConnectionsOptions;
  readonly #context: ConnectionContext;
  #isDraining = false;
  #lastNumber = 0;

  constructor(options: ConnectionsOptions) {
    const { edgeId, limits, heartbeatMs, door, outgoing, telemetry, slowClients, errors, log } = options;
    this.#options = options;
    this.#context = {
      edgeId,
      limits,
      heartbeatMs,
      outgoing,
      subscribe: (client, message) => door.subscribe(client, message),
      unsubscribe: (subscription) => door.unsubscribe(subscription),
      now: () => performance.now(),
      random: Math.random,
      onBehind: (connection) => slowClients.onBehind(connection, Date.now()),
      onClosing: (closeCode, connection) => this.onClosing(closeCode, connection),
      onClosed: (connection) => this.leave(connection),
      onError: (error, { identity: { tenant } }) => errors.record(error, { tenant }),
      onBytes: (byteCount) => telemetry.onBytes(byteCount),
      onUnexpected: (error) => {
        const reference = randomBytes(6).toString('hex');
        log.error({ err: error, reason: reasonOf(error), reference }, 'a client message failed unexpectedly');
        return reference;
      },
    };
  }

  /** From now on new sockets are sent elsewhere. */
  startDraining(): void {
    this.#isDraining = true;
  }

  /** They are welcome again. */
  stopDraining(): void {
    this.#isDraining = false;
  }

  accept(socket: Socket, format: PlanFormat): Connection | { readonly closeCode: number; readonly reason: string } {
    const { limits, telemetry } = this.#options;
    if (this.#isDraining) return refuse(telemetry, CLOSE_CODES.DRAINING, 'MDS_SHUTTING_DOWN');
    if (this.open.size >= limits.maxConnections) {
      return refuse(telemetry, CLOSE_CODES.TOO_MANY_CONNECTIONS, 'MDS_TOO_MANY_CONNECTIONS');
    }
    const connection = new Connection(this.#context, socket, this.#nextNumber(), format);
    this.enter(connection);
    connection.welcome();
    return connection;
  }

  /**
   * Admits one that is no socket of its own.
   *
   * @returns its number, unique in the edge
   * @throws MdsError `MDS_SHUTTING_DOWN` or `MDS_TOO_MANY_CONNECTIONS`
   */
  admit(): number {
    const { maxConnections: limit } = this.#options.limits;
    if (this.#isDraining) throw new MdsError('MDS_SHUTTING_DOWN');
    if (this.open.size >= limit) throw new MdsError('MDS_TOO_MANY_CONNECTIONS', { limit });
    return this.#nextNumber();
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

  #nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }
}

function refuse(telemetry: Telemetry, closeCode: number, reason: string): { closeCode: number; reason: string } {
  telemetry.onClosing(closeCode);
  return { closeCode, reason };
}
