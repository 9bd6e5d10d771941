// Which user PostgreSQL runs as, and a data directory that user can reach. An ordinary user runs it as themselves, under
// MDS_HOME. Root lends it `postgres` or `nobody`, who may not be able to pass through MDS_HOME's parents (/root is 0700).

import { createHash } from 'node:crypto';
import {
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure } from '../failure.ts';

export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Only root can write here, so nobody can plant a directory for us to trust.
 * `<hash>/link` names the link that points to `<hash>/postgres`; an entry whose link is gone is data of a deleted MDS_HOME.
 */
const ROOTS_OWN = '/var/lib/monitoring-distribution-service';

const LENT_USERS = ['postgres', 'nobody'];

/** The user to run as; undefined means the current one. */
export function postgresUser(uid: number | undefined = process.getuid?.()): SystemUser | undefined {
  if (uid !== 0) return undefined;
  const user = userFrom(readFileSync('/etc/passwd', 'utf8'), LENT_USERS);
  if (user === undefined) {
    throw new Failure('PostgreSQL refuses to run as root: create a user for it (useradd --system postgres).');
  }
  return user;
}

/** The first of `names` that the text of /etc/passwd knows. */
export function userFrom(passwd: string, names: readonly string[]): SystemUser | undefined {
  const entries = new Map(passwd.split('\n').map((line) => [line.split(':')[0] ?? '', line.split(':')]));
  for (const name of names) {
    const entry = entries.get(name);
    if (entry?.[2] !== undefined && entry[3] !== undefined) return { uid: Number(entry[2]), gid: Number(entry[3]) };
  }
  return undefined;
}

/**
 * Creates PostgreSQL's data directory, owned by `user`. Where that user cannot pass through the parents, the data lies under
 * /var/lib and `<data>/postgres` is a link to it.
 *
 * @returns its absolute path
 */
export async function postgresDirectory(data: string, user: SystemUser | undefined): Promise<string> {
  mkdirSync(data, { recursive: true });
  const wanted = join(data, 'postgres');
  if (user === undefined) {
    mkdirSync(wanted, { recursive: true, mode: 0o700 });
    return wanted;
  }
  const linked = linkTarget(wanted);
  if (linked !== undefined) return ownedDirectory(linked, user);
  if (canPass(data, user)) return ownedDirectory(wanted, user);
  removeAbandonedData(ROOTS_OWN);
  const entry = join(ROOTS_OWN, createHash('sha256').update(data).digest('hex').slice(0, 16));
  const target = join(entry, 'postgres');
  // the link first: an entry without one is taken for abandoned by the next stack that starts
  symlinkSync(target, wanted);
  mkdirSync(entry, { recursive: true, mode: 0o755 });
  writeFileSync(join(entry, 'link'), wanted);
  return ownedDirectory(target, user);
}

/** Removes the data of every MDS_HOME that has been deleted (a test's temporary one, `make clean`). */
export function removeAbandonedData(rootsOwn: string = ROOTS_OWN): void {
  mkdirSync(rootsOwn, { recursive: true, mode: 0o755 });
  for (const name of readdirSync(rootsOwn)) {
    const entry = join(rootsOwn, name);
    const link = linkOf(entry);
    if (link !== undefined && linkTarget(link) !== join(entry, 'postgres'))
      rmSync(entry, { recursive: true, force: true });
  }
}

function linkOf(entry: string): string | undefined {
  try {
    return readFileSync(join(entry, 'link'), 'utf8');
  } catch {
    return undefined; // being created at this moment
  }
}

/** Whether `user` has the right to pass through `directory` and all its parents. */
export function canPass(directory: string, user: SystemUser): boolean {
  const { mode, uid, gid } = statSync(directory);
  const needed = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  if ((mode & needed) === 0) return false;
  const parent = dirname(directory);
  return parent === directory || canPass(parent, user);
}

function ownedDirectory(directory: string, user: SystemUser): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chownSync(directory, user.uid, user.gid);
  return directory;
}

function linkTarget(file: string): string | undefined {
  try {
    return lstatSync(file).isSymbolicLink() ? readlinkSync(file) : undefined;
  } catch {
    return undefined; // does not exist yet
  }
}
