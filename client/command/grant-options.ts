// How grants are written on a command line: actions:topics, or a JSON file for those that have filters.

import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { GrantJson } from '../../schemas/identity/grant.ts';
import { ACTIONS, type Action } from '../../schemas/identity/identity.ts';

export interface GrantOptions {
  readonly grant?: readonly GrantJson[];
  readonly grants?: string;
  readonly filter?: string;
}

const isAction = (text: string): text is Action => ACTIONS.some((action) => action === text);

/** `publish,subscribe:host.*,alerts` */
export function grant(text: string, earlier: readonly GrantJson[] = []): readonly GrantJson[] {
  const [actions = '', topics = '', ...more] = text.split(':');
  const named = actions.split(',');
  if (more.length > 0 || topics.split(',').includes('') || !named.every(isAction)) {
    throw new InvalidArgumentError(`write actions:topics, such as subscribe:host.*; actions are ${ACTIONS.join(', ')}`);
  }
  return [...earlier, { actions: named, topics: topics.split(',') }];
}

export const withGrants = (command: Command): Command =>
  command
    .option('--grant <actions:topics>', 'what it may do, such as subscribe,manage:host.*; may be given again', grant)
    .option('--filter <cel>', 'mandatory filter of every --grant; may read claims.… of the identity')
    .option('--grants <file>', 'grants as a JSON list, for filters of their own');

/** @returns undefined when none were given @throws MdsError `MDS_REQUEST_INVALID` for a filter that would bind nobody */
export async function grantsOf({ grant: given, grants: file, filter }: GrantOptions): Promise<GrantJson[] | undefined> {
  if (filter !== undefined && given === undefined) {
    throw new MdsError('MDS_REQUEST_INVALID', { problems: ['--filter belongs to --grant, and there is none'] });
  }
  const written = (given ?? []).map((one) => (filter === undefined ? one : { ...one, filter }));
  if (file === undefined) return given === undefined ? undefined : written;
  return [...written, ...((await readJson(file)) as GrantJson[])]; // the API checks it and says what is wrong
}

/** @throws MdsError `MDS_REQUEST_INVALID` */
export async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new MdsError('MDS_REQUEST_INVALID', { problems: [`${file}: ${reasonOf(error)}`] }, { cause: error });
  }
}
