// One action of one request on one resource, on its way into the audit log: together with what it changes in the database
// where it changes something there, on its own otherwise.

import type { AuditOutcome } from '../../schemas/api/audit.ts';
import type { Identity } from '../../schemas/identity/identity.ts';
import { insertAuditRow } from '../store/audit-log.ts';
import type { Queryable, Transact } from '../store/queryable.ts';
import { shownValue } from './shown-value.ts';

/** What was done; `id`, `before` and `after` as far as they apply. */
export interface Made {
  readonly id?: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** What a service needs to act: statements that go into the audit log with what they did. */
export interface Changing {
  /**
   * Runs `work` in one transaction, and writes what it did in the same one.
   *
   * @param made from what `work` gave; null: it changed nothing, so nothing is written
   */
  commit<Result>(work: (db: Queryable) => Promise<Result>, made: (result: Result) => Made | null): Promise<Result>;
}

export interface ChangeFacts {
  readonly identity: Identity;
  readonly address: string;
  readonly requestId: string;
  readonly action: string;
  readonly kind: string;
}

export interface ChangeParts {
  readonly db: Queryable;
  readonly transact: Transact;
}

export class Change implements Changing {
  readonly #parts: ChangeParts;
  readonly #facts: ChangeFacts;
  /** Whose resource it is, where that is not the actor's own tenant's. */
  tenant: string;
  id: string | null = null;
  before: unknown = null;
  after: unknown = null;
  #isWritten = false;
  #isNothing = false;

  constructor(parts: ChangeParts, facts: ChangeFacts) {
    this.#parts = parts;
    this.#facts = facts;
    this.tenant = facts.identity.tenant;
  }

  /** It is in the log that it was done. */
  get isWritten(): boolean {
    return this.#isWritten;
  }

  /** What was asked for was so already: nothing is written of it. */
  get isNothing(): boolean {
    return this.#isNothing;
  }

  async commit<Result>(
    work: (db: Queryable) => Promise<Result>,
    made: (result: Result) => Made | null,
  ): Promise<Result> {
    let isWritten = false;
    const result = await this.#parts.transact(async (db) => {
      const done = await work(db);
      const what = made(done);
      if (what === null) return done;
      this.id = what.id ?? this.id;
      this.before = what.before ?? this.before;
      this.after = what.after ?? this.after;
      await this.#insert(db, 'done', null);
      isWritten = true;
      return done;
    });
    this.#isWritten ||= isWritten;
    this.#isNothing ||= !isWritten;
    return result;
  }

  /** The answer is an earlier request's: that one is in the log. */
  nothing(): void {
    this.#isNothing = true;
  }

  /** Writes it on its own: what it did is not in the database, or it was not done. */
  async write(outcome: AuditOutcome, code: string | null): Promise<void> {
    await this.#insert(this.#parts.db, outcome, code);
    if (outcome === 'done') this.#isWritten = true;
  }

  async #insert(db: Queryable, outcome: AuditOutcome, code: string | null): Promise<void> {
    const { identity, address, requestId, action, kind } = this.#facts;
    await insertAuditRow(db, {
      tenant: this.tenant,
      subject: identity.subject,
      subjectTenant: identity.tenant,
      address,
      requestId,
      action,
      kind,
      id: this.id,
      outcome,
      code,
      before: shownValue(this.before),
      after: shownValue(this.after),
    });
  }
}
