// Who leads: the control plane whose connection holds a Postgres advisory lock. The lock ends with the connection, so a
// leader that dies or is cut off is replaced; and what a leader writes goes through that same connection, so that one
// that has lost the lock without knowing cannot write.

import pg from 'pg';
import type { Logger } from '../../platform/log.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { endWhenSilent, recordLeader, tryLeaderLock } from '../store/leader.ts';
import type { Queryable } from '../store/queryable.ts';

/** 2 s: the statements take milliseconds; beyond this the connection counts as lost and another may lead. */
const STATEMENT_TIMEOUT_MS = 2000;

/**
 * 10 s: a leader says something every half second. Postgres ends a connection that was silent for so long, and with it the
 * lock: a process that is stopped, or a machine that is cut off, says nothing and does not close anything either.
 */
const SILENCE_LIMIT_MS = 10_000;

export interface LeadershipParts {
  readonly postgresUrl: string;
  readonly leaderId: string;
  readonly log: Logger;
  readonly onElected: () => void;
  readonly onLost: (reason: string) => void;
}

export class Leadership {
  readonly #parts: LeadershipParts;
  #client: pg.Client | null = null;
  #leads = false;

  constructor(parts: LeadershipParts) {
    this.#parts = parts;
  }

  /** The connection that holds the lock; null when somebody else leads or nobody can. */
  get connection(): Queryable | null {
    return this.#leads ? this.#client : null;
  }

  /** The same; when a statement fails the lead is given up with it, for it is not known what was written. */
  get fenced(): Queryable | null {
    const { connection } = this;
    if (connection === null) return null;
    return {
      query: async (text, values) => {
        try {
          return await connection.query(text, values);
        } catch (error) {
          this.resign(reasonOf(error));
          throw error;
        }
      },
    };
  }

  /**
   * Tries once to become leader, unless it is one.
   *
   * @returns true when it leads
   * @throws when Postgres cannot be reached
   */
  async tryLead(): Promise<boolean> {
    if (this.#leads) return true;
    const client = this.#client ?? (await this.#connect());
    try {
      if (!(await tryLeaderLock(client))) return false;
      await recordLeader(client, this.#parts.leaderId);
    } catch (error) {
      this.#drop(client, reasonOf(error));
      throw error;
    }
    if (this.#client !== client) return false; // lost in the meantime
    this.#leads = true;
    this.#parts.onElected();
    return true;
  }

  /** Gives the lead up, for example because a statement failed and it is not known why. */
  resign(reason: string): void {
    if (this.#client !== null) this.#drop(this.#client, reason);
  }

  /** Closes the connection, which lets another lead at once. */
  async stop(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    this.#leads = false;
    if (client !== null) await client.end();
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#parts.postgresUrl,
      application_name: 'mds-leader',
      connectionTimeoutMillis: STATEMENT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
    });
    client.on('error', (error) => this.#drop(client, reasonOf(error)));
    client.on('end', () => this.#drop(client, 'the connection ended'));
    await client.connect();
    await endWhenSilent(client, SILENCE_LIMIT_MS);
    this.#client = client;
    return client;
  }

  #drop(client: pg.Client, reason: string): void {
    if (this.#client !== client) return;
    const led = this.#leads;
    this.#client = null;
    this.#leads = false;
    client.end().catch((error: unknown) => {
      this.#parts.log.debug({ reason: reasonOf(error) }, 'a lost connection could not be closed');
    });
    if (led) this.#parts.onLost(reason);
  }
}
