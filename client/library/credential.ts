// What the client shows to say who it is: a text, or a function that gets a valid one, asked before each connect and again
// before the last one expires.

import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { withCredential } from './bearer-fetch.ts';
import type { Clock, Fetch } from './runtime.ts';

/** An API key or a token (JWT), without `Bearer`. */
export type Credential = string | (() => string | Promise<string>);

/** 30 s: longer than any sign-in service takes; whoever waits longer waits for nothing. */
const ANSWER_TIMEOUT_MS = 30_000;

export class CredentialSource {
  readonly #credential: Credential | undefined;
  readonly #clock: Clock;
  #latest: string | null = null;

  constructor(credential: Credential | undefined, clock: Clock) {
    this.#credential = credential;
    this.#clock = clock;
  }

  /** Whether asking again can give another one. */
  get isRenewable(): boolean {
    return typeof this.#credential === 'function';
  }

  /** @returns a valid one as far as its source knows; null: there is none @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` */
  async renew(): Promise<string | null> {
    if (typeof this.#credential !== 'function') return this.#credential ?? null;
    this.#latest = await this.#ask(this.#credential);
    return this.#latest;
  }

  /** @returns the one that was got last */
  async latest(): Promise<string | null> {
    return this.#latest ?? (await this.renew());
  }

  async #ask(get: () => string | Promise<string>): Promise<string> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const cancel = this.#clock.after(ANSWER_TIMEOUT_MS, () =>
      reject(new Error(`no answer in ${ANSWER_TIMEOUT_MS} ms`)),
    );
    try {
      const credential: unknown = await Promise.race([Promise.resolve().then(get), late]);
      if (typeof credential !== 'string' || credential === '') throw new Error('it gave no text');
      return credential;
    } catch (error) {
      const reason = reasonOf(error);
      throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'The credential', reason }, { cause: error });
    } finally {
      cancel();
    }
  }
}

const UNAUTHORIZED = 401;

/** Shows the credential with each request; one that is refused is got anew, once. */
export function authorizedFetch(fetch: Fetch, credentials: CredentialSource): Fetch {
  const send = (url: string, init: RequestInit | undefined, credential: string | null): Promise<Response> =>
    fetch(url, withCredential(init, credential));
  return async (url, init) => {
    const response = await send(url, init, await credentials.latest());
    if (response.status !== UNAUTHORIZED || !credentials.isRenewable) return response;
    return send(url, init, await credentials.renew());
  };
}
