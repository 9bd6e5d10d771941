// All open connections of the edge: admits sockets up to the limit, and makes a Connection of each.

import { randomBytes } from 'node:crypto';
import type { Logger } from '../../platform/log.ts';
import type { ErrorBook } from '../../platform/management/error-book.ts';
import { CLOSE_CODES } from '../../schemas/close-codes.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { PlanFormat } from '../../schemas/plan/plan.ts';
import { Connection, type ConnectionContext, type Socket } from './connection.ts';
import type { EdgeConnectionLimits } from './connection-limits.ts';
import type { Outgoing } from './outgoing.ts';
import type { SlowClients } from './slow-clients.ts';
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

export class Connections {
  readonly open = new Set<Connection>();
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
      onClosing: (closeCode, connection) => {
        telemetry.onClosing(closeCode);
        if (closeCode !== CLOSE_CODES.SLOW_CONSUMER) return;
        slowClients.onClosedAsSlow(connection, limits.maxBufferedBytes, Date.now());
      },
      onClosed: (connection) => {
        this.open.delete(connection);
        slowClients.onClosed(connection);
      },
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
    this.#lastNumber += 1;
    const connection = new Connection(this.#context, socket, this.#lastNumber, format);
    this.open.add(connection);
    telemetry.onOpened();
    connection.welcome();
    return connection;
  }
}

function refuse(telemetry: Telemetry, closeCode: number, reason: string): { closeCode: number; reason: string } {
  telemetry.onClosing(closeCode);
  return { closeCode, reason };
}
