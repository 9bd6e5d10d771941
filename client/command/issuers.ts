// `mds issuers`: whose tokens (JWT) are taken.

import { Command } from 'commander';
import type { Issuer, IssuerChange } from '../../schemas/api/identity.ts';
import type { IssuerKeys, IssuerTenant } from '../../schemas/identity/directory.ts';
import { runCommand } from './command-context.ts';
import { durationArgument } from './duration.ts';
import { type GrantOptions, grantsOf, readJson, withGrants } from './grant-options.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
For operators. A token says who somebody is, once its signature, issuer, audience and times have been checked. All tokens of an
issuer belong to one tenant, or name theirs in a claim. Filters of grants read the token's claims.

Examples:
  mds issuers
  mds issuers add https://login.example.com/ --audience mds --jwks-url https://login.example.com/keys \\
    --tenant acme --grant 'subscribe:*' --filter 'labels["team"] == claims.team'
  mds issuers add https://login.example.com/ --audience mds --jwks keys.json --tenant-claim org --tenants acme,beta \\
    --grants-claim mds_grants
  mds issuers change issuer-1f0c --max-age 12h --grant 'subscribe:*' --filter 'labels["team"] == claims.team'
  mds issuers change issuer-1f0c --grants-claim none
  mds issuers delete issuer-1f0c --yes`;

interface SettingOptions extends GrantOptions {
  readonly audience?: string[];
  readonly jwksUrl?: string;
  readonly jwks?: string;
  readonly algorithms?: string;
  readonly tenant?: string;
  readonly tenantClaim?: string;
  readonly tenants?: string;
  readonly grantsClaim?: string;
  readonly admin?: boolean;
  readonly clockSkew?: number;
  readonly maxAge?: number;
}

export function issuersCommand(): Command {
  const issuers = new Command('issuers')
    .description('issuers whose tokens are taken: list, add, change, delete')
    .addHelpText('after', EXAMPLES);
  issuers
    .command('list', { isDefault: true })
    .description('all issuers (what `mds issuers` alone does)')
    .action((_options, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const found = await identities.issuers();
        await output.result(found, () =>
          found.length === 0 ? 'There are no issuers.' : tableOf(found, output.columns),
        );
        return undefined;
      }),
    );
  issuers
    .command('show <id>')
    .description('everything about one issuer')
    .action((id: string, _options, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const issuer = await identities.issuer(id);
        await output.result(issuer, () => JSON.stringify(issuer, null, 2));
        return undefined;
      }),
    );
  issuers.addCommand(addCommand());
  issuers.addCommand(changeCommand());
  issuers
    .command('delete <id>')
    .description('take its tokens no more; connections made with them are cut within 5 s')
    .requiredOption('--yes', 'required: whoever has its tokens is out')
    .action((id: string, _options, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        await identities.deleteIssuer(id);
        await output.result({ deleted: id }, () => `deleted ${id}`);
        return undefined;
      }),
    );
  return issuers;
}

const withSettings = (command: Command): Command =>
  withGrants(command)
    .option('--audience <audience...>', 'tokens must be meant for one of them (aud)')
    .option('--jwks-url <url>', 'where its public keys are')
    .option('--jwks <file>', 'its public keys, as a JSON Web Key Set')
    .option('--algorithms <list>', 'with commas between (default: RS256,PS256,ES256,EdDSA)')
    .option('--tenant <tenant>', 'the tenant of all its tokens')
    .option('--tenant-claim <claim>', 'claim that names the tenant')
    .option('--tenants <list>', 'tenants that the claim may name, with commas between')
    .option('--grants-claim <claim>', 'claim that holds further grants, as JSON; none takes it away')
    .option('--admin', 'whoever has its tokens is an admin of the tenant')
    .option('--clock-skew <time>', 'how far its clock may be ahead (default: 5s)', durationArgument)
    .option('--max-age <time>', 'older tokens are refused (default: 1d)', durationArgument);

const addCommand = (): Command =>
  withSettings(new Command('add').argument('<issuer>', 'as tokens name it in iss'))
    .description('take tokens of an issuer from now on')
    .action((issuer: string, options: SettingOptions, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const { audiences, keys, tenant, grants = [], ...settings } = await settingsOf(options, command);
        if (audiences === undefined)
          return command.error("error: required option '--audience <audience...>' not specified");
        if (keys === undefined) return command.error('error: give either --jwks-url or --jwks');
        if (tenant === undefined) return command.error('error: give either --tenant, or --tenant-claim with --tenants');
        const created = await identities.createIssuer({ issuer, audiences, keys, tenant, grants, ...settings });
        await output.result(created, () => `added ${created.id}`);
        return undefined;
      }),
    );

const changeCommand = (): Command =>
  withSettings(new Command('change').argument('<id>', 'as `mds issuers` lists it'))
    .description('what its tokens must be and may do from now on; what is not given stays as it is')
    .option('--no-admin', 'whoever has its tokens is no admin any more')
    .action((id: string, options: SettingOptions, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const change = await settingsOf(options, command);
        if (Object.keys(change).length === 0) command.error('error: say what to change, see --help');
        const issuer = await identities.changeIssuer(id, change);
        await output.result(issuer, () => `changed ${issuer.id}`);
        return undefined;
      }),
    );

/** What was given, and nothing else. */
async function settingsOf(options: SettingOptions, command: Command): Promise<IssuerChange> {
  const { audience: audiences, algorithms, grantsClaim, admin, clockSkew, maxAge } = options;
  const given: { [Name in keyof IssuerChange]: IssuerChange[Name] | undefined } = {
    audiences,
    keys: await keysOf(options, command),
    tenant: tenantOf(options, command),
    grants: await grantsOf(options),
    algorithms: algorithms?.split(',') as Issuer['algorithms'] | undefined, // the API checks
    grantsClaim: grantsClaim === 'none' ? null : grantsClaim,
    roles: admin === undefined ? undefined : admin ? ['admin'] : [],
    clockSkewSeconds: clockSkew === undefined ? undefined : Math.round(clockSkew / 1000),
    maxTokenAgeSeconds: maxAge === undefined ? undefined : Math.round(maxAge / 1000),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** @returns undefined when none were given */
async function keysOf({ jwks, jwksUrl }: SettingOptions, command: Command): Promise<IssuerKeys | undefined> {
  if (jwks !== undefined && jwksUrl !== undefined) command.error('error: give either --jwks-url or --jwks');
  if (jwksUrl !== undefined) return { jwksUrl };
  if (jwks === undefined) return undefined;
  return { jwks: (await readJson(jwks)) as { keys: Record<string, unknown>[] } }; // the API checks it
}

/** @returns undefined when none was given */
function tenantOf({ tenant, tenantClaim, tenants }: SettingOptions, command: Command): IssuerTenant | undefined {
  if (tenant === undefined && tenantClaim === undefined && tenants === undefined) return undefined;
  if (tenant !== undefined && tenantClaim === undefined && tenants === undefined) return { fixed: tenant };
  if (tenantClaim === undefined || tenants === undefined || tenant !== undefined) {
    command.error('error: give either --tenant, or --tenant-claim with --tenants');
  }
  return { claim: tenantClaim, allowed: tenants.split(',') };
}

function tableOf(issuers: readonly Issuer[], width: number): string {
  const columns = [
    { name: 'ID', isWhole: true } as const,
    { name: 'ISSUER' },
    { name: 'AUDIENCES' },
    { name: 'TENANT' },
    { name: 'KEYS' },
  ];
  const rows = issuers.map(({ id, issuer, audiences, tenant, keys }) => [
    id,
    issuer,
    audiences.join(', '),
    'fixed' in tenant ? tenant.fixed : `${tenant.claim}: ${tenant.allowed.join(', ')}`,
    'jwksUrl' in keys ? keys.jwksUrl : `${keys.jwks.keys.length} given`,
  ]);
  return formatTable(columns, rows, width);
}
