// `mds issuers`: whose tokens (JWT) are taken.

import { Command } from 'commander';
import type { Issuer } from '../../schemas/api/identity.ts';
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
  mds issuers delete issuer-1f0c --yes`;

interface AddOptions extends GrantOptions {
  readonly audience: string[];
  readonly jwksUrl?: string;
  readonly jwks?: string;
  readonly algorithms?: string;
  readonly tenant?: string;
  readonly tenantClaim?: string;
  readonly tenants?: string;
  readonly grantsClaim?: string;
  readonly admin?: true;
  readonly clockSkew?: number;
  readonly maxAge?: number;
}

export function issuersCommand(): Command {
  const issuers = new Command('issuers')
    .description('issuers whose tokens are taken: list, add, delete')
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

const addCommand = (): Command =>
  withGrants(new Command('add').argument('<issuer>', 'as tokens name it in iss'))
    .description('take tokens of an issuer from now on')
    .requiredOption('--audience <audience...>', 'tokens must be meant for one of them (aud)')
    .option('--jwks-url <url>', 'where its public keys are')
    .option('--jwks <file>', 'its public keys, as a JSON Web Key Set')
    .option('--algorithms <list>', 'with commas between (default: RS256,PS256,ES256,EdDSA)')
    .option('--tenant <tenant>', 'the tenant of all its tokens')
    .option('--tenant-claim <claim>', 'claim that names the tenant')
    .option('--tenants <list>', 'tenants that the claim may name, with commas between')
    .option('--grants-claim <claim>', 'claim that holds further grants, as JSON')
    .option('--admin', 'whoever has its tokens is an admin of the tenant')
    .option('--clock-skew <time>', 'how far its clock may be ahead (default: 5s)', durationArgument)
    .option('--max-age <time>', 'older tokens are refused (default: 1d)', durationArgument)
    .action((issuer: string, options: AddOptions, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const { audience: audiences, algorithms, grantsClaim, admin, clockSkew, maxAge } = options;
        const created = await identities.createIssuer({
          issuer,
          audiences,
          keys: await keysOf(options, command),
          tenant: tenantOf(options, command),
          grants: (await grantsOf(options)) ?? [],
          ...(algorithms === undefined ? {} : { algorithms: algorithms.split(',') as Issuer['algorithms'] }), // the API checks
          ...(grantsClaim === undefined ? {} : { grantsClaim }),
          ...(admin ? { roles: ['admin' as const] } : {}),
          ...(clockSkew === undefined ? {} : { clockSkewSeconds: Math.round(clockSkew / 1000) }),
          ...(maxAge === undefined ? {} : { maxTokenAgeSeconds: Math.round(maxAge / 1000) }),
        });
        await output.result(created, () => `added ${created.id}`);
        return undefined;
      }),
    );

async function keysOf({ jwks, jwksUrl }: AddOptions, command: Command): Promise<IssuerKeys> {
  if (jwksUrl !== undefined && jwks === undefined) return { jwksUrl };
  if (jwks === undefined || jwksUrl !== undefined) command.error('error: give either --jwks-url or --jwks');
  return { jwks: (await readJson(jwks)) as { keys: Record<string, unknown>[] } }; // the API checks it
}

function tenantOf({ tenant, tenantClaim, tenants }: AddOptions, command: Command): IssuerTenant {
  if (tenant !== undefined && tenantClaim === undefined) return { fixed: tenant };
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
