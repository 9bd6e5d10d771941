// Sends all clients away before the process ends: in batches, so that the edges which take them are not hit by all at once.

import { setTimeout as delay } from 'node:timers/promises';
import { CLOSE_CODES } from '../../schemas/close-codes.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { Recipient } from './client.ts';

/** 3 s for closing clients leaves most of the 10 s of a stop for the network and for Redis. */
const DRAIN_MS = 3000;
const BATCH_INTERVAL_MS = 50;
/** Few clients need no spreading. */
const MIN_BATCH = 50;
/** For close frames to be written before sockets are ended by force. */
const LINGER_MS = 250;

export interface Drainable extends Recipient {
  close(closeCode: number, error: MdsError, edges?: readonly string[]): void;
}

/**
 * @param connections those that are open; none are added any more
 * @param edges where to go instead, best first
 */
export async function drainConnections(connections: ReadonlySet<Drainable>, edges: readonly string[]): Promise<void> {
  const batch = Math.max(MIN_BATCH, Math.ceil((connections.size * BATCH_INTERVAL_MS) / DRAIN_MS));
  const error = new MdsError('MDS_SHUTTING_DOWN');
  let closed = 0;
  for (const connection of [...connections]) {
    connection.close(CLOSE_CODES.DRAINING, error, edges);
    closed += 1;
    if (closed % batch === 0) await delay(BATCH_INTERVAL_MS);
  }
  if (closed > 0) await delay(LINGER_MS);
}
