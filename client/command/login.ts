// `mds login`, `mds logout` and `mds whoami`: which key this terminal uses, and who that is.

import { Command } from 'commander';
import type { WhoAmI } from '../../schemas/api/identity.ts';
import { MdsError } from '../../schemas/errors.ts';
import { bearerFetch } from '../library/bearer-fetch.ts';
import { IdentityClient } from '../library/identities.ts';
import { runCommand } from './command-context.ts';
import { isCredential, keepCredential, loginFile } from './credentials.ts';
import { readSecret } from './read-secret.ts';

const LOGIN_EXAMPLES = `
The key is read from stdin, or asked for without being shown; never from the command line, where others could see it. It is
tried, and kept in ~/.config/mds/credentials.json for this control plane. $MDS_API_KEY comes before it.

Examples:
  mds login
  mds login --api https://mds.example.com < key.txt`;

export const loginCommand = (): Command =>
  new Command('login')
    .description('use an API key or token from now on')
    .addHelpText('after', LOGIN_EXAMPLES)
    .action((_options, command: Command) =>
      runCommand(command, async ({ config, output }) => {
        const credential = (await readSecret(`API key for ${config.apiUrl}: `)).trim();
        if (!isCredential(credential)) {
          const problems = [credential === '' ? 'no key was given' : 'a key or token has no spaces and no line breaks'];
          throw new MdsError('MDS_REQUEST_INVALID', { problems });
        }
        const who = await new IdentityClient(config.apiUrl, bearerFetch(credential)).whoami();
        const file = loginFile(process.env);
        if (who.kind !== 'open') keepCredential(file, config.apiUrl, credential);
        await output.result(
          who,
          () => `${describe(who)}\n${who.kind === 'open' ? 'nothing was kept' : `kept in ${file}`}`,
        );
        if (process.env.MDS_API_KEY) output.note('MDS_API_KEY is set, and comes before what was kept');
        return undefined;
      }),
    );

export const logoutCommand = (): Command =>
  new Command('logout')
    .description('forget the key that login has kept')
    .addHelpText('after', '\nExamples:\n  mds logout\n  mds logout --api https://mds.example.com')
    .action((_options, command: Command) =>
      runCommand(command, async ({ config, output }) => {
        const had = keepCredential(loginFile(process.env), config.apiUrl, null);
        const said = had ? `forgot the key for ${config.apiUrl}` : `no key was kept for ${config.apiUrl}`;
        await output.result({ forgotten: had ? config.apiUrl : null }, () => said);
        return undefined;
      }),
    );

export const whoamiCommand = (): Command =>
  new Command('whoami')
    .description('who this terminal is for the service, and what that allows')
    .addHelpText('after', '\nExamples:\n  mds whoami')
    .action((_options, command: Command) =>
      runCommand(command, async ({ identities, config, output }) => {
        const who = await identities.whoami();
        const from = config.credential === null ? '' : `\nby ${config.credential.from}`;
        await output.result(who, () => `${describe(who)}${from}`);
        return undefined;
      }),
    );

function describe({ tenant, subject, kind, roles, grants, expiresAt }: WhoAmI): string {
  if (kind === 'open') return 'authentication is off: everybody may do everything';
  const may = grants.map(({ actions, topics, isFiltered }) => {
    return `  ${actions.join(', ')} on ${topics.join(', ')}${isFiltered ? ', events that a filter lets through' : ''}`;
  });
  return [
    `${subject} of tenant ${tenant}`,
    ...(roles.length > 0 ? [`roles: ${roles.join(', ')}`] : []),
    ...(may.length > 0 ? ['grants:', ...may] : []),
    ...(expiresAt === null ? [] : [`expires ${expiresAt}`]),
  ].join('\n');
}
