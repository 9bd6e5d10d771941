// Authentication behind the limit on failed ones. An address that gave too many bad credentials is not listened to for a
// while, except with credentials that were good a moment ago: one bad neighbour behind a shared address locks nobody out.

import { createHash } from 'node:crypto';
import { MdsError } from '../../schemas/errors.ts';
import type { Identity } from '../../schemas/identity/identity.ts';
import type { Authenticator } from '../identity/authenticator.ts';
import type { RequestLimits } from '../rate-limit/request-limits.ts';

/** Of each a hash of 16 bytes; beyond it the one that was used least recently is forgotten. */
const MAX_REMEMBERED = 10_000;

export class KnownCredentials {
  readonly #authenticator: Pick<Authenticator, 'authenticate'>;
  readonly #limits: Pick<RequestLimits, 'authenticationFailed' | 'failuresSpent'>;
  readonly #good = new Set<string>();

  constructor(
    authenticator: Pick<Authenticator, 'authenticate'>,
    limits: Pick<RequestLimits, 'authenticationFailed' | 'failuresSpent'>,
  ) {
    this.#authenticator = authenticator;
    this.#limits = limits;
  }

  /** @throws MdsError `MDS_UNAUTHENTICATED`, or `MDS_RATE_LIMITED` when the address failed too often */
  async identityOf(credential: string | null, address: string): Promise<Identity> {
    const spent = this.#limits.failuresSpent(address);
    if (spent !== null && !this.#wasGood(credential)) {
      const { limit, what } = spent.budget;
      throw new MdsError('MDS_RATE_LIMITED', { limit, what });
    }
    try {
      const identity = await this.#authenticator.authenticate(credential);
      if (credential !== null) this.#remember(hashOf(credential));
      return identity;
    } catch (error) {
      // Without a credential nothing was guessed.
      const isGuess = credential !== null && error instanceof MdsError && error.code === 'MDS_UNAUTHENTICATED';
      if (isGuess) await this.#limits.authenticationFailed(address);
      throw error;
    }
  }

  #wasGood(credential: string | null): boolean {
    return credential !== null && this.#good.has(hashOf(credential));
  }

  #remember(hash: string): void {
    this.#good.delete(hash);
    if (this.#good.size >= MAX_REMEMBERED) {
      const [oldest] = this.#good;
      if (oldest !== undefined) this.#good.delete(oldest);
    }
    this.#good.add(hash);
  }
}

const hashOf = (credential: string): string => createHash('sha256').update(credential).digest('base64').slice(0, 22);
