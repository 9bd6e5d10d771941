// The credential that may come with the upgrade of a WebSocket: in the header of programs, or, since pages cannot set one,
// among the subprotocols. Pure.

import { SUBPROTOCOL_AUTH_PREFIX } from '../../../schemas/frames.ts';

export interface Upgrade {
  /** Subprotocols to choose from: what carries a credential is never one of them, so it is never sent back. */
  readonly offered: readonly string[];
  /** Null: none came. One that cannot be read is there nevertheless, and valid for nobody. */
  readonly credential: string | null;
}

const BEARER = /^bearer +/i;
const UNREADABLE = '?';

/**
 * @param authorization the header's value; '' when there is none
 * @param protocols of `Sec-WebSocket-Protocol`
 */
export function readUpgrade(authorization: string, protocols: string): Upgrade {
  const names = protocols
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const offered = names.filter((name) => !name.startsWith(SUBPROTOCOL_AUTH_PREFIX));
  if (authorization !== '') return { offered, credential: bearerOf(authorization) };
  const carrier = names.find((name) => name.startsWith(SUBPROTOCOL_AUTH_PREFIX));
  return { offered, credential: carrier === undefined ? null : decoded(carrier.slice(SUBPROTOCOL_AUTH_PREFIX.length)) };
}

function bearerOf(authorization: string): string {
  return BEARER.test(authorization) ? authorization.replace(BEARER, '').trim() || UNREADABLE : UNREADABLE;
}

/** Node reads base64url leniently: what is not exactly one text's encoding is no credential. */
function decoded(text: string): string {
  const bytes = Buffer.from(text, 'base64url');
  const credential = bytes.toString('utf8');
  return credential !== '' && Buffer.from(credential, 'utf8').toString('base64url') === text ? credential : UNREADABLE;
}
