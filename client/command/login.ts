// `mds login`, `mds logout` and `mds whoami`: which key this terminal uses, and who that is.

import { Command } from 'commander';
import type { WhoAmI } from '../../schemas/api/identity.ts';
import { MdsError } from '../../schemas/errors.ts';
import { bearerFetch } from '../library/bearer-fetch.ts';
import { IdentityClient } from '../library/identities.ts';
import { runCommand } from './command-context.ts';
import { keepCredential, loginFile } from './credentials.ts';

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
        const who = await new IdentityClient(config.apiUrl, bearerFetch(credential)).whoami();
        const file = loginFile(process.env);
        keepCredential(file, config.apiUrl, credential);
        await output.result(who, () => `${describe(who)}\nkept in ${file}`);
        return undefined;
      }),
    );

export const logoutCommand = (): Command =>
  new Command('logout')
    .description('forget the key that login has kept')
    .addHelpText('after', '\nExamples:\n  mds logout\n  mds logout --api https://mds.example.com')
    .action((_options, command: Command) =>
      runCommand(command, async ({ config, output }) => {
        keepCredential(loginFile(process.env), config.apiUrl, null);
        await output.result({ forgotten: config.apiUrl }, () => `forgot the key for ${config.apiUrl}`);
        return undefined;
      }),
    );

export const whoamiCommand = (): Command =>
  new Command('whoami')
    .description('who this terminal is for the service, and what that allows')
    .addHelpText('after', '\nExamples:\n  mds whoami')
    .action((_options, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const who = await identities.whoami();
        await output.result(who, () => describe(who));
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

/** Without echo on a terminal; Ctrl-C gives up. */
async function readSecret(prompt: string): Promise<string> {
  const { stdin } = process;
  if (!stdin.isTTY) {
    const parts: Buffer[] = [];
    for await (const part of stdin) parts.push(Buffer.from(part));
    return Buffer.concat(parts).toString('utf8');
  }
  process.stderr.write(prompt);
  stdin.setRawMode(true);
  let secret = '';
  try {
    for await (const part of stdin) {
      for (const char of String(part)) {
        if (char === '\r' || char === '\n' || char === '\u0004') return secret;
        if (char === '\u0003') throw new MdsError('MDS_REQUEST_INVALID', { problems: ['no key was given'] });
        secret = char === '\u007f' ? secret.slice(0, -1) : secret + char;
      }
    }
    return secret;
  } finally {
    stdin.setRawMode(false);
    process.stderr.write('\n');
  }
}
