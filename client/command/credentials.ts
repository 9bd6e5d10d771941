// Which credential `mds` shows: $MDS_API_KEY, else the one that `mds login` has kept for this control plane, else the key
// that `make run` has made for it. Files hold keys by the address they are for, so that none is sent to another.

import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MdsError, reasonOf } from '../../schemas/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
/** Others on the machine may not read it. */
const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;
const READABLE_BY_OTHERS = 0o077;

/** Where `mds login` keeps keys. */
export function loginFile(env: Environment): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'mds', 'credentials.json');
}

/** Where `make run` keeps the key of its operator. */
const localFile = (env: Environment): string =>
  join(env.MDS_HOME ? resolve(env.MDS_HOME) : join(CHECKOUT, '.mds'), 'auth', 'credentials.json');

/**
 * @returns null when there is none: enough where authentication is off
 * @throws MdsError `MDS_CONFIG_INVALID` for a file that others can read, or that is none
 */
export function credentialFor(apiUrl: string, env: Environment): string | null {
  if (env.MDS_API_KEY) return env.MDS_API_KEY;
  const address = addressOf(apiUrl);
  for (const file of [loginFile(env), localFile(env)]) {
    const found = readCredentials(file)[address];
    if (found !== undefined) return found;
  }
  return null;
}

/** Keeps it for the control plane at this address; null forgets it. */
export function keepCredential(file: string, apiUrl: string, credential: string | null): void {
  const { [addressOf(apiUrl)]: _old, ...others } = readCredentials(file);
  const kept = credential === null ? others : { ...others, [addressOf(apiUrl)]: credential };
  mkdirSync(dirname(file), { recursive: true, mode: PRIVATE_DIRECTORY });
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(kept, null, 2)}\n`, { mode: PRIVATE_FILE });
  chmodSync(fresh, PRIVATE_FILE); // whatever a file of that name had before
  renameSync(fresh, file);
}

export function readCredentials(file: string): Readonly<Record<string, string>> {
  let text: string;
  try {
    const { mode } = statSync(file);
    if ((mode & READABLE_BY_OTHERS) !== 0) throw invalid(`${file} can be read by others; run chmod 600 ${file}`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error instanceof MdsError ? error : invalid(`${file} cannot be read: ${reasonOf(error)}`);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is no object');
    return Object.fromEntries(Object.entries(value).map(([address, key]) => [address, String(key)]));
  } catch {
    throw invalid(`${file} does not hold keys by address as JSON; remove it and log in again`);
  }
}

/** http://127.0.0.1:9400/ and http://127.0.0.1:9400 are the same one. */
const addressOf = (apiUrl: string): string => {
  const { origin, pathname } = new URL(apiUrl);
  return `${origin}${pathname.replace(/\/+$/, '')}`;
};

const invalid = (problem: string): MdsError => new MdsError('MDS_CONFIG_INVALID', { problems: [problem] });
