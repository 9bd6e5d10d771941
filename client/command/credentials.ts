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
const OPEN_TO_OTHERS = 0o077;

/** Where `mds login` keeps keys. */
export function loginFile(env: Environment): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'mds', 'credentials.json');
}

/** Where `make run` keeps the key of its operator. */
export const localCredentialsFile = (home: string): string => join(home, 'auth', 'credentials.json');

const localHome = ({ MDS_HOME: home }: Environment): string => (home ? resolve(home) : join(CHECKOUT, '.mds'));

export interface FoundCredential {
  /** An API key or a token. */
  readonly value: string;
  /** In words. */
  readonly from: string;
}

/**
 * @returns null when there is none: enough where authentication is off
 * @throws MdsError `MDS_CONFIG_INVALID` for a file that others can read, or that is none, and for a text that is no key
 */
export function credentialFor(apiUrl: string, env: Environment): FoundCredential | null {
  const given = env.MDS_API_KEY?.trim();
  if (given) return { value: checked(given, 'MDS_API_KEY'), from: 'MDS_API_KEY' };
  const address = addressOf(apiUrl);
  for (const file of [loginFile(env), localCredentialsFile(localHome(env))]) {
    const found = readCredentials(file)[address];
    if (found !== undefined) return { value: checked(found, file), from: file };
  }
  return null;
}

/** Keys and tokens are one word of visible ASCII: nothing else fits into a header. */
export const isCredential = (text: string): boolean => /^[\x21-\x7e]+$/.test(text);

function checked(text: string, from: string): string {
  if (isCredential(text)) return text;
  throw invalid(`${from} does not hold an API key or token: those have no spaces and no line breaks`);
}

/** Keeps it for the control plane at this address; null forgets it. @returns whether there was one */
export function keepCredential(file: string, apiUrl: string, credential: string | null): boolean {
  const { [addressOf(apiUrl)]: old, ...others } = readCredentials(file);
  if (credential === null && old === undefined) return false;
  const kept = credential === null ? others : { ...others, [addressOf(apiUrl)]: credential };
  writePrivateFile(file, `${JSON.stringify(kept, null, 2)}\n`);
  return old !== undefined;
}

/** @returns keys by address; none when there is no such file @throws MdsError `MDS_CONFIG_INVALID` */
export function readCredentials(file: string): Readonly<Record<string, string>> {
  const text = readPrivateFile(file);
  if (text === null) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is no object');
    return Object.fromEntries(Object.entries(value).map(([address, key]) => [address, String(key)]));
  } catch {
    throw invalid(`${file} does not hold keys by address as JSON; remove it and log in again`);
  }
}

/** @returns null when it is not there @throws MdsError `MDS_CONFIG_INVALID` when others can read it, or nobody */
export function readPrivateFile(file: string): string | null {
  try {
    if ((statSync(file).mode & OPEN_TO_OTHERS) !== 0) {
      throw invalid(`${file} can be read by others; run chmod 600 ${file}`);
    }
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof MdsError) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw invalid(`${file} cannot be read: ${reasonOf(error)}`);
  }
}

/** Whoever reads it meanwhile sees the old text or the new one. */
export function writePrivateFile(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: PRIVATE_DIRECTORY });
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, text, { mode: PRIVATE_FILE });
  chmodSync(fresh, PRIVATE_FILE); // whatever a file of that name had before
  renameSync(fresh, file);
}

/** http://127.0.0.1:9400/ and http://127.0.0.1:9400 are the same one. */
const addressOf = (apiUrl: string): string => {
  const { origin, pathname } = new URL(apiUrl);
  return `${origin}${pathname.replace(/\/+$/, '')}`;
};

const invalid = (problem: string): MdsError => new MdsError('MDS_CONFIG_INVALID', { problems: [problem] });
