// `mds keys`: API keys of a tenant.

import { Command, Option } from 'commander';
import { formatApiKey, newKeyId, newKeySecret } from '../../platform/identity/api-key.ts';
import type { Key } from '../../schemas/api/identity.ts';
import type { Role } from '../../schemas/identity/identity.ts';
import { runCommand } from './command-context.ts';
import { durationArgument } from './duration.ts';
import { type GrantOptions, grantsOf, readJson, withGrants } from './grant-options.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
A key is shown once, when it is made or rotated. It acts for its tenant: as its roles say (admin, operator), or as its grants
say: actions on topics, each with a mandatory filter if it has one.

Examples:
  mds keys
  mds keys create ingest-eu --grant 'publish:host.*'
  mds keys create sre-screens --grant 'subscribe:*' --filter 'labels["team"] == "sre"' --expires 90d
  mds keys create team-lead --role admin
  mds keys rotate 3fK9aQ0LmZ7b --overlap 1h
  mds keys revoke 3fK9aQ0LmZ7b --yes`;

interface TenantOption {
  readonly tenant?: string;
}

interface KeyOptions extends TenantOption, GrantOptions {
  readonly role?: Role[];
  readonly claims?: string;
  readonly expires?: number | 'never';
}

const ofTenant = (command: Command): Command => command.option('--tenant <tenant>', "another tenant's; operators only");

const withSettings = (command: Command): Command =>
  ofTenant(withGrants(command))
    .addOption(new Option('--role <role...>', 'admin of the tenant, or operator').choices(['admin', 'operator']))
    .option('--claims <file>', 'JSON object that filters of its grants read as claims.…')
    .option('--expires <time>', 'valid for so long: 12h, 90d; never', lifetime);

/** Not null for never: commander would make it ''. */
const lifetime = (text: string): number | 'never' => (text === 'never' ? text : durationArgument(text));

export function keysCommand(): Command {
  const keys = new Command('keys')
    .description('API keys: list, create, change, rotate, revoke')
    .addHelpText('after', EXAMPLES);
  ofTenant(keys.command('list', { isDefault: true }))
    .description('all keys of the tenant (what `mds keys` alone does)')
    .action(({ tenant }: TenantOption, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const found = await identities.keys(tenant);
        await output.result(found, () => (found.length === 0 ? 'There are no keys.' : tableOf(found, output.columns)));
        return undefined;
      }),
    );
  ofTenant(keys.command('show <id>'))
    .description('one key: all but its secret')
    .action((id: string, { tenant }: TenantOption, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const key = await identities.key(id, tenant);
        await output.result(key, () => JSON.stringify(key, null, 2));
        return undefined;
      }),
    );
  withSettings(keys.command('create <name>'))
    .description('make a key; it is written to stdout, this once')
    .action((name: string, options: KeyOptions, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const { expires, ...settings } = await settingsOf(options);
        const lives = expires ? { expiresInSeconds: expires } : {}; // without it, it does not expire
        const created = await identities.createKey({ name, ...settings, ...lives, ...tenantOf(options) });
        await output.result(created, () => created.credential);
        output.note(`key ${created.id} of tenant ${created.tenant}: this is the only time it is shown`);
        return undefined;
      }),
    );
  withSettings(keys.command('change <id>'))
    .description('change what a key may do; in effect everywhere within 5 s')
    .option('--name <name>', 'another name')
    .action((id: string, { name, ...options }: KeyOptions & { name?: string }, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const { expires, ...settings } = await settingsOf(options);
        const change = {
          ...settings,
          ...(expires === undefined ? {} : { expiresInSeconds: expires }),
          ...(name === undefined ? {} : { name }),
        };
        if (Object.keys(change).length === 0) command.error('error: say what to change, such as --expires 90d');
        const key = await identities.changeKey(id, change, options.tenant);
        await output.result(key, () => `changed ${key.prefix} (${key.name})`);
        return undefined;
      }),
    );
  ofTenant(keys.command('rotate <id>'))
    .description('give a key a new secret; the old one stays valid for the overlap')
    .option('--overlap <time>', 'how long the old one stays valid (default: 1d)', durationArgument)
    .action((id: string, { tenant, overlap }: TenantOption & { overlap?: number }, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const seconds = overlap === undefined ? undefined : Math.round(overlap / 1000);
        const rotated = await identities.rotateKey(id, seconds, tenant);
        await output.result(rotated, () => rotated.credential);
        const until = rotated.previousValidUntil;
        output.note(until === null ? 'the old one is not valid any more' : `the old one is valid until ${until}`);
        return undefined;
      }),
    );
  ofTenant(keys.command('revoke <id>'))
    .description('end a key for good; its connections are cut within 5 s')
    .requiredOption('--yes', 'required: there is no way back')
    .action((id: string, { tenant }: TenantOption, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        await identities.revokeKey(id, tenant);
        await output.result({ revoked: id }, () => `revoked ${id}`);
        return undefined;
      }),
    );
  keys
    .command('generate')
    .description('make up a key for MDS_OPERATOR_KEY; asks no service')
    .action((_options, command: Command) =>
      runCommand(command, async ({ output }) => {
        const credential = formatApiKey({ id: newKeyId(), secret: newKeySecret() });
        await output.result({ credential }, () => credential);
        return undefined;
      }),
    );
  return keys;
}

const tenantOf = ({ tenant }: TenantOption) => (tenant === undefined ? {} : { tenant });

async function settingsOf(options: KeyOptions) {
  const { role, claims, expires } = options;
  const grants = await grantsOf(options);
  return {
    ...(role === undefined ? {} : { roles: role }),
    ...(grants === undefined ? {} : { grants }),
    ...(claims === undefined ? {} : { claims: (await readJson(claims)) as Record<string, unknown> }), // the API checks it
    expires: expires === 'never' ? null : expires && Math.round(expires / 1000),
  };
}

const shownGrant = ({ actions, topics, filter = '' }: Key['grants'][number]): string =>
  `${actions.join('+')}:${topics.join(',')}${filter === '' ? '' : ' (filtered)'}`;

function tableOf(keys: readonly Key[], width: number): string {
  const columns = [
    { name: 'KEY', isWhole: true } as const,
    { name: 'NAME' },
    { name: 'STATE' },
    { name: 'MAY' },
    { name: 'LAST USED' },
    { name: 'EXPIRES' },
  ];
  const rows = keys.map(({ prefix, name, state, roles, grants, lastUsedAt, expiresAt }) => [
    prefix,
    name,
    state,
    [...roles, ...grants.map(shownGrant)].join(' ') || 'nothing',
    lastUsedAt ?? 'never',
    expiresAt ?? 'never',
  ]);
  return formatTable(columns, rows, width);
}
