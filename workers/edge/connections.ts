// All open connections of the edge: admits sockets up to the limit, and makes a Connection of each.

import { randomBytes } from 'node:crypto';
import type { Logger } from '../../platform/log.ts';
import { CLOSE_CODES } from '../../schemas/close-codes.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { Connection, type ConnectionLimits, type Socket } from './connection.ts';
import type { Delivery } from './delivery.ts';
import type { Telemetry } from './telemetry.ts';
import { TokenBucket } from './token-bucket.ts';
import type { SocketHandlers } from './websocket-server.ts';

export interface ConnectionsOptions {
  readonly edgeId: string;
  readonly maxConnections: number;
  readonly limits: ConnectionLimits;
  readonly messageBurst: number;
  readonly heartbeatMs: number;
  readonly delivery: Delivery;
  readonly telemetry: Telemetry;
  readonly log: Logger;
}

export class Connections {
  readonly open = new Set<Connection>();
  readonly #options: ConnectionsOptions;
  #isDraining = false;
  #lastNumber = 0;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** From now on new sockets are sent elsewhere. */
  startDraining(): void {
    this.#isDraining = true;
  }

  accept(socket: Socket): SocketHandlers | { readonly closeCode: number; readonly reason: string } {
    const { maxConnections, telemetry } = this.#options;
    if (this.#isDraining) return refuse(telemetry, CLOSE_CODES.DRAINING, 'MDS_SHUTTING_DOWN');
    if (this.open.size >= maxConnections) {
      return refuse(telemetry, CLOSE_CODES.TOO_MANY_CONNECTIONS, 'MDS_TOO_MANY_CONNECTIONS');
    }
    const connection = this.#connection(socket);
    this.open.add(connection);
    telemetry.onOpened();
    connection.welcome();
    return {
      onMessage: (bytes, isBinary) => connection.onMessage(bytes, isBinary),
      onDrained: () => connection.onDrained(),
      onClosed: () => {
        connection.onSocketClosed();
        this.open.delete(connection);
      },
    };
  }

  #connection(socket: Socket): Connection {
    const { edgeId, limits, heartbeatMs, messageBurst, delivery, telemetry, log } = this.#options;
    this.#lastNumber += 1;
    return new Connection({
      id: `${edgeId}/${this.#lastNumber}`,
      edgeId,
      socket,
      limits,
      heartbeatMs,
      bucket: new TokenBucket(limits.messagesPerSecond, messageBurst, performance.now()),
      subscribe: (client, message, onEnded) => delivery.subscribe(client, message, onEnded),
      now: () => performance.now(),
      random: Math.random,
      onClosing: (closeCode) => telemetry.onClosing(closeCode),
      onBytes: (byteCount) => telemetry.onBytes(byteCount),
      onUnexpected: (error) => {
        const reference = randomBytes(6).toString('hex');
        log.error({ err: error, reason: reasonOf(error), reference }, 'a client message failed unexpectedly');
        return reference;
      },
    });
  }
}

function refuse(telemetry: Telemetry, closeCode: number, reason: string): { closeCode: number; reason: string } {
  telemetry.onClosing(closeCode);
  return { closeCode, reason };
}
