// `mds tenants`: who shares the installation, and how much each may use.

import { Command } from 'commander';
import type { Tenant } from '../../schemas/api/identity.ts';
import type { TenantQuotas } from '../../schemas/identity/identity.ts';
import { runCommand } from './command-context.ts';
import { wholeNumber } from './numbers.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
For operators. A quota that is not given stays as it is; none takes it away.

Examples:
  mds tenants
  mds tenants create acme --topics 20 --connections 500
  mds tenants change acme --deliveries 50000 --topics none
  mds tenants suspend acme
  mds tenants resume acme
  mds tenants delete acme --yes`;

/** Not null for none: commander would make it ''. */
type Limit = number | 'none';

interface QuotaOptions {
  readonly eventsIn?: Limit;
  readonly deliveries?: Limit;
  readonly bytesOut?: Limit;
  readonly connections?: Limit;
  readonly subscriptions?: Limit;
  readonly topics?: Limit;
  readonly filterCost?: Limit;
}

const limit = (text: string): Limit => (text === 'none' ? text : wholeNumber(text));

const withQuotas = (command: Command): Command =>
  command
    .option('--events-in <n>', 'events a second that may be published', limit)
    .option('--deliveries <n>', 'events a second given to clients', limit)
    .option('--bytes-out <n>', 'bytes a second sent to clients', limit)
    .option('--connections <n>', 'connections at a time', limit)
    .option('--subscriptions <n>', 'subscriptions at a time, and durable ones', limit)
    .option('--topics <n>', 'topics', limit)
    .option('--filter-cost <n>', 'units of filter cost over all live subscriptions', limit);

export function tenantsCommand(): Command {
  const tenants = new Command('tenants')
    .description('tenants and their quotas: list, create, change, suspend, delete')
    .addHelpText('after', EXAMPLES);
  tenants
    .command('list', { isDefault: true })
    .description('all tenants (what `mds tenants` alone does)')
    .action((_options, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const found = await identities.tenants();
        await output.result(found, () => tableOf(found, output.columns));
        return undefined;
      }),
    );
  tenants
    .command('show <id>')
    .description('one tenant with its quotas; admins may see their own')
    .action((id: string, _options, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const tenant = await identities.tenant(id);
        await output.result(tenant, () => describe(tenant));
        return undefined;
      }),
    );
  withQuotas(tenants.command('create <id>'))
    .description('make a tenant; lower-case letters, digits and dashes')
    .action((id: string, options: QuotaOptions, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const tenant = await identities.createTenant({ id, quotas: quotasOf(options) });
        await output.result(
          tenant,
          () => `created ${tenant.id}; its first key: mds keys create <name> --tenant ${id} --role admin`,
        );
        return undefined;
      }),
    );
  withQuotas(tenants.command('change <id>'))
    .description('change quotas')
    .action((id: string, options: QuotaOptions, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const quotas = quotasOf(options);
        if (Object.keys(quotas).length === 0) command.error('error: say what to change, such as --topics 20');
        const tenant = await identities.changeTenant(id, { quotas });
        await output.result(tenant, () => describe(tenant));
        return undefined;
      }),
    );
  const states = [
    { name: 'suspend', state: 'suspended', says: 'let nobody of it in, and cut who is connected; its events stay' },
    { name: 'resume', state: 'active', says: 'let it in again' },
  ] as const;
  for (const { name, state, says } of states) {
    tenants
      .command(`${name} <id>`)
      .description(says)
      .action((id: string, _options, command: Command) =>
        runCommand(command, async ({ identities, output }) => {
          const tenant = await identities.changeTenant(id, { state });
          await output.result(tenant, () => `${tenant.id} is ${tenant.state}`);
          return undefined;
        }),
      );
  }
  tenants
    .command('delete <id>')
    .description('delete a tenant that has no topics, subscriptions or keys left')
    .requiredOption('--yes', 'required: there is no way back')
    .action((id: string, _options, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        await identities.deleteTenant(id);
        await output.result({ deleted: id }, () => `deleted ${id}`);
        return undefined;
      }),
    );
  return tenants;
}

function quotasOf(options: QuotaOptions): Partial<TenantQuotas> {
  const named: { readonly [Quota in keyof TenantQuotas]: Limit | undefined } = {
    eventsInPerSecond: options.eventsIn,
    deliveriesPerSecond: options.deliveries,
    bytesOutPerSecond: options.bytesOut,
    connections: options.connections,
    subscriptions: options.subscriptions,
    topics: options.topics,
    filterCost: options.filterCost,
  };
  const given = Object.entries(named).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, value === 'none' ? null : value]));
}

const shown = (quota: number | null): string => (quota === null ? '-' : String(quota));

function describe({ id, state, quotas }: Tenant): string {
  return [
    `${id}: ${state}`,
    ...Object.entries(quotas).map(([name, value]) => `  ${name}: ${value ?? 'no limit'}`),
  ].join('\n');
}

function tableOf(tenants: readonly Tenant[], width: number): string {
  const columns = [
    'TENANT',
    'STATE',
    'EVENTS IN/s',
    'DELIVERIES/s',
    'BYTES OUT/s',
    'CONNECTIONS',
    'SUBSCRIPTIONS',
    'TOPICS',
    'FILTER COST',
  ];
  const rows = tenants.map(({ id, state, quotas }) => [
    id,
    state,
    shown(quotas.eventsInPerSecond),
    shown(quotas.deliveriesPerSecond),
    shown(quotas.bytesOutPerSecond),
    shown(quotas.connections),
    shown(quotas.subscriptions),
    shown(quotas.topics),
    shown(quotas.filterCost),
  ]);
  return formatTable(
    columns.map((name) => ({ name })),
    rows,
    width,
  );
}
