// Makes tickets and takes them back. Redis holds only their hashes, so that nobody who reads it can use one, and forgets each
// with its use or its time.

import { createHash, randomBytes } from 'node:crypto';
import type { Redis } from '../../../platform/redis.ts';
import { readMessage } from '../../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { identityOfTicket, TICKET_TTL_MS, TicketIdentity, ticketKey } from '../../../schemas/ticket.ts';

/** 192 bits: nobody guesses one in its 30 s. */
const TICKET_BYTES = 24;
const TICKET = /^[A-Za-z0-9_-]{32}$/;

export interface Ticket {
  readonly ticket: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

export class Tickets {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #now: () => number;

  constructor(redis: Redis, prefix: string, now: () => number) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#now = now;
  }

  /** @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` */
  async make(identity: Identity): Promise<Ticket> {
    const ticket = randomBytes(TICKET_BYTES).toString('base64url');
    const expiresAt = new Date(this.#now() + TICKET_TTL_MS).toISOString();
    try {
      await this.#redis.set(this.#keyOf(ticket), JSON.stringify(identity), 'PX', TICKET_TTL_MS);
    } catch (error) {
      throw unavailable(error);
    }
    return { ticket, expiresAt };
  }

  /**
   * Uses a ticket up.
   *
   * @throws MdsError `MDS_UNAUTHENTICATED` for one that never was, was used or is too old; `MDS_DEPENDENCY_UNAVAILABLE`
   */
  async use(ticket: string): Promise<Identity> {
    if (!TICKET.test(ticket)) throw new MdsError('MDS_UNAUTHENTICATED');
    let stored: string | null;
    try {
      stored = await this.#redis.getdel(this.#keyOf(ticket));
    } catch (error) {
      throw unavailable(error);
    }
    if (stored === null) throw new MdsError('MDS_UNAUTHENTICATED');
    return identityOfTicket(readMessage(TicketIdentity, stored));
  }

  #keyOf(ticket: string): string {
    return ticketKey(this.#prefix, createHash('sha256').update(ticket).digest('base64url'));
  }
}

const unavailable = (cause: unknown): MdsError =>
  new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: reasonOf(cause) }, { cause });
