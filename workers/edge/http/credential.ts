// Who is at the HTTP door: by a credential in the Authorization header, or by a ticket in the URL, which is used up by that.

import type { Authenticator } from '../../../platform/identity/authenticator.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { HttpRequest } from './exchange.ts';
import type { Tickets } from './tickets.ts';

const BEARER = /^bearer +(\S+) *$/i;

/** @throws MdsError `MDS_UNAUTHENTICATED` for a header of another kind */
export function credentialOf({ authorization }: HttpRequest): string | null {
  if (authorization === '') return null;
  const [, credential] = BEARER.exec(authorization) ?? [];
  if (credential === undefined) throw new MdsError('MDS_UNAUTHENTICATED');
  return credential;
}

export class Identification {
  readonly #authenticator: Authenticator;
  readonly #tickets: Tickets;

  constructor(authenticator: Authenticator, tickets: Tickets) {
    this.#authenticator = authenticator;
    this.#tickets = tickets;
  }

  /** @throws MdsError `MDS_UNAUTHENTICATED` */
  async of(request: HttpRequest): Promise<Identity> {
    const credential = credentialOf(request);
    const ticket = new URLSearchParams(request.query).get('ticket');
    if (ticket === null || credential !== null) return this.#authenticator.authenticate(credential);
    return this.#authenticator.authenticate(await this.#tickets.use(ticket));
  }
}
