// Who the local service's own operator is: made at the first start and kept under MDS_HOME, readable by nobody else. `mds`
// finds the key there; processes get what they need of it in their environment.

import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { keepCredential, readCredentials } from '../../client/command/credentials.ts';
import { formatApiKey, newKeyId, newKeySecret, parseApiKey } from '../../platform/identity/api-key.ts';
import type { Places } from './places.ts';
import type { Role } from './processes.ts';

const SECRET_BYTES = 32;
const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;

export interface LocalIdentity {
  readonly operatorKey: string;
  /** Where it is kept, by the address of the control plane. */
  readonly file: string;
  /** It was made just now. */
  readonly isNew: boolean;
  /** What a process of this role needs of it. */
  envFor(role: Role): Readonly<Record<string, string>>;
}

/** @param apiUrl of the control plane that the key is for */
export function localIdentity(places: Places, apiUrl: string): LocalIdentity {
  const secret = secretIn(join(places.auth, 'secret'));
  const file = join(places.auth, 'credentials.json');
  const kept = readCredentials(file)[apiUrl];
  const isKept = kept !== undefined && parseApiKey(kept) !== null;
  const operatorKey = isKept ? kept : formatApiKey({ id: newKeyId(), secret: newKeySecret() });
  if (!isKept) keepCredential(file, apiUrl, operatorKey);
  return { operatorKey, file, isNew: !isKept, envFor: (role) => envOf(role, secret, operatorKey) };
}

function secretIn(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const secret = randomBytes(SECRET_BYTES).toString('hex');
  mkdirSync(dirname(file), { recursive: true, mode: PRIVATE_DIRECTORY });
  writeFileSync(file, `${secret}\n`, { mode: PRIVATE_FILE });
  chmodSync(file, PRIVATE_FILE);
  return secret;
}

/** Nobody gets more than it needs: the operator's key goes to who makes it one, and to the collector, who shows it. */
function envOf(role: Role, secret: string, operatorKey: string): Readonly<Record<string, string>> {
  switch (role) {
    case 'control-plane':
      return { MDS_AUTH_SECRET: secret, MDS_OPERATOR_KEY: operatorKey };
    case 'edge':
    case 'ingest':
    case 'query':
      return { MDS_AUTH_SECRET: secret };
    case 'collector':
      return { MDS_API_KEY: operatorKey };
    default:
      return {};
  }
}
