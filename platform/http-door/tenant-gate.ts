// How many requests of one tenant are worked on at once. The rest wait here, in order, and beyond that are refused, so that
// whoever floods waits for itself and others find the process free.

import { MdsError } from '../../schemas/errors.ts';

interface Line {
  running: number;
  readonly waiting: Waiter[];
}

interface Waiter {
  readonly enter: () => void;
}

export interface TenantGateOptions {
  readonly running: number;
  readonly waiting: number;
}

export class TenantGate {
  readonly #options: TenantGateOptions;
  /** Tenants of which something is here now. */
  readonly #lines = new Map<string, Line>();

  constructor(options: TenantGateOptions) {
    this.#options = options;
  }

  /**
   * @returns what says that the request is over (may be called more than once); a promise of it when it has to wait
   * @throws MdsError `MDS_RATE_LIMITED` when too many wait already
   */
  enter(tenant: string): (() => void) | Promise<() => void> {
    const line = this.#lines.get(tenant) ?? { running: 0, waiting: [] };
    this.#lines.set(tenant, line);
    if (line.running < this.#options.running) {
      line.running++;
      return this.#leaving(tenant, line);
    }
    if (line.waiting.length >= this.#options.waiting) {
      const limit = this.#options.running + this.#options.waiting;
      throw new MdsError('MDS_RATE_LIMITED', { limit, what: 'requests of this tenant at once' });
    }
    return new Promise((resolve) => {
      line.waiting.push({ enter: () => resolve(this.#leaving(tenant, line)) });
    });
  }

  #leaving(tenant: string, line: Line): () => void {
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      const next = line.waiting.shift();
      if (next !== undefined) {
        next.enter(); // in the place of this one
        return;
      }
      line.running--;
      if (line.running === 0) this.#lines.delete(tenant);
    };
  }
}
