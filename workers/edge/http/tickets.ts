// Makes tickets and takes them back. Redis holds the hash of each, and the credential that it stands for, encrypted under a
// key that follows from the ticket alone: nobody who reads Redis can use either. A ticket is forgotten with its use or its time.
//
//   ticket ──sha256──▶ where it stands in Redis
//      └────hkdf─────▶ key ──aes-256-gcm──▶ iv ‖ tag ‖ credential

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { Redis } from '../../../platform/redis.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import { TICKET_TTL_MS, ticketKey } from '../../../schemas/ticket.ts';

/** 192 bits: nobody guesses one in its 30 s. */
const TICKET_BYTES = 24;
const TICKET = /^[A-Za-z0-9_-]{32}$/;
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

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

  /** @param credential null: none is asked for @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` */
  async make(credential: string | null): Promise<Ticket> {
    const ticket = randomBytes(TICKET_BYTES).toString('base64url');
    const expiresAt = new Date(this.#now() + TICKET_TTL_MS).toISOString();
    try {
      await this.#redis.set(this.#keyOf(ticket), sealed(ticket, credential ?? ''), 'PX', TICKET_TTL_MS);
    } catch (error) {
      throw unavailable(error);
    }
    return { ticket, expiresAt };
  }

  /**
   * Uses a ticket up.
   *
   * @returns the credential that was shown for it
   * @throws MdsError `MDS_UNAUTHENTICATED` for one that never was, was used or is too old; `MDS_DEPENDENCY_UNAVAILABLE`
   */
  async use(ticket: string): Promise<string | null> {
    if (!TICKET.test(ticket)) throw new MdsError('MDS_UNAUTHENTICATED');
    let stored: string | null;
    try {
      stored = await this.#redis.getdel(this.#keyOf(ticket));
    } catch (error) {
      throw unavailable(error);
    }
    if (stored === null) throw new MdsError('MDS_UNAUTHENTICATED');
    return opened(ticket, stored) || null;
  }

  #keyOf(ticket: string): string {
    return ticketKey(this.#prefix, createHash('sha256').update(ticket).digest('base64url'));
  }
}

const keyFor = (ticket: string): Buffer => Buffer.from(hkdfSync('sha256', ticket, '', 'mds ticket', KEY_BYTES));

function sealed(ticket: string, credential: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, keyFor(ticket), iv);
  const body = Buffer.concat([cipher.update(credential, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url');
}

/** @throws MdsError `MDS_UNAUTHENTICATED` for what was not sealed with this ticket */
function opened(ticket: string, stored: string): string {
  const bytes = Buffer.from(stored, 'base64url');
  try {
    const decipher = createDecipheriv(CIPHER, keyFor(ticket), bytes.subarray(0, IV_BYTES));
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const body = decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES));
    return Buffer.concat([body, decipher.final()]).toString('utf8');
  } catch (error) {
    throw new MdsError('MDS_UNAUTHENTICATED', {}, { cause: error });
  }
}

const unavailable = (cause: unknown): MdsError =>
  new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: reasonOf(cause) }, { cause });
