// Who the local service's own operator is: made at the first start and kept under MDS_HOME, readable by nobody else. `mds`
// finds the key there; processes get what they need of it in their environment. A file that is there and cannot be used
// stops the start: with a new key or secret in its place, the keys that people have would be worth nothing.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  keepCredential,
  localCredentialsFile,
  readCredentials,
  readPrivateFile,
  writePrivateFile,
} from '../../client/command/credentials.ts';
import { authProblems, authSecretBytes } from '../../platform/auth-config.ts';
import { formatApiKey, newKeyId, newKeySecret, parseApiKey } from '../../platform/identity/api-key.ts';
import { Failure, reasonOf } from './failure.ts';
import type { Places } from './places.ts';
import type { Role } from './processes.ts';

const SECRET_BYTES = 32;

export interface LocalIdentity {
  readonly operatorKey: string;
  /** Where it is kept, by the address of the control plane. */
  readonly file: string;
  /** It was made just now. */
  readonly isNew: boolean;
  /** What a process of this role needs of it. */
  envFor(role: Role): Readonly<Record<string, string>>;
}

/**
 * Makes what is not there yet.
 *
 * @param apiUrl of the control plane that the key is for
 * @throws Failure when a file is there that cannot be read, that others can read, or that holds something else
 */
export function localIdentity(places: Places, apiUrl: string): LocalIdentity {
  const file = localCredentialsFile(places.home);
  try {
    const secret = secretIn(join(places.auth, 'secret'));
    const kept = keptKey(file, apiUrl);
    const operatorKey = kept ?? formatApiKey({ id: newKeyId(), secret: newKeySecret() });
    if (kept === null) keepCredential(file, apiUrl, operatorKey);
    return { operatorKey, file, isNew: kept === null, envFor: (role) => envOf(role, secret, operatorKey) };
  } catch (error) {
    throw new Failure(
      `${reasonOf(error)}\nNothing was started: authentication is on, and the keys of this service are in ${places.auth}. ` +
        'Correct that, or remove everything with make clean.',
    );
  }
}

/** @throws Failure when MDS_HOST is not loopback and MDS_AUTH is off */
export function checkBindAddress({ MDS_AUTH: auth, MDS_HOST: host }: NodeJS.ProcessEnv): void {
  const problems = authProblems({ auth, host: host || undefined }, () => false);
  if (problems.length > 0) throw new Failure(`Nothing was started: ${problems.join('; ')}.`);
}

/** With other ports than last time (MDS_PORT_BASE) it is the same operator with the same key. */
function keptKey(file: string, apiUrl: string): string | null {
  const all = readCredentials(file);
  const key = all[apiUrl] ?? Object.values(all)[0];
  if (key === undefined) return null;
  if (parseApiKey(key) === null) throw new Failure(`${file} holds something that is no API key.`);
  if (all[apiUrl] === undefined) keepCredential(file, apiUrl, key);
  return key;
}

function secretIn(file: string): string {
  const kept = readPrivateFile(file)?.trim();
  if (kept === undefined) {
    const secret = randomBytes(SECRET_BYTES).toString('hex');
    writePrivateFile(file, `${secret}\n`);
    return secret;
  }
  if (authSecretBytes(kept).length < SECRET_BYTES) throw new Failure(`${file} does not hold ${SECRET_BYTES} bytes.`);
  return kept;
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
