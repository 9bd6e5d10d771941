// `mds routes`: list, show, create and delete routes between topics.

import { Command, Option } from 'commander';
import type { Route } from '../../schemas/api/route.ts';
import { runCommand } from './command-context.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
A route writes each event once for consumers that read committed records (isolation.level=read_committed), also when
workers are killed.

Examples:
  mds routes
  mds routes create errors --topic service.logs --target on-call.errors --filter 'severity >= ERROR'
  mds routes show errors
  mds routes delete errors`;

export function routesCommand(): Command {
  const routes = new Command('routes')
    .description('list, show, create and delete routes: matching events of one topic go to another, exactly once')
    .addHelpText('after', EXAMPLES);
  routes
    .command('list', { isDefault: true })
    .description('all routes (what `mds routes` alone does)')
    .action((_options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const found = await rest.routes();
        await output.result(found, () =>
          found.length === 0 ? 'There are no routes.' : tableOf(found, output.columns),
        );
        return undefined;
      }),
    );
  routes
    .command('show <name>')
    .description('one route, by name or id, and the workers that run it')
    .action((name: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const route = await rest.route(name);
        await output.result(route, () => describe(route, output.columns));
        return undefined;
      }),
    );
  routes
    .command('create <name>')
    .description('create a route')
    .requiredOption('--topic <topic>', 'topic to read')
    .requiredOption('--target <topic>', 'topic to write; its schema must accept the events')
    .option('--filter <cel>', 'CEL over the fields of an event (default: every event)')
    .addOption(new Option('--from <place>', 'where to begin (default: latest)').choices(['latest', 'earliest']))
    .action((name: string, options: CreateOptions, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const created = await rest.createRoute({ name, ...options });
        await output.result(created, () => `created ${created.name} (${created.id})`);
        return undefined;
      }),
    );
  routes
    .command('delete <name>')
    .description('delete a route, by name or id; what it has written stays')
    .action((name: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        await rest.deleteRoute(name);
        await output.result({ deleted: name }, () => `deleted ${name}`);
        return undefined;
      }),
    );
  return routes;
}

interface CreateOptions {
  readonly topic: string;
  readonly target: string;
  readonly filter?: string;
  readonly from?: 'latest' | 'earliest';
}

function tableOf(routes: readonly Route[], width: number): string {
  const columns = [{ name: 'NAME' }, { name: 'FROM' }, { name: 'TO' }, { name: 'FILTER' }, { name: 'STATE' }];
  const rows = routes.map(({ name, topic, target, filter, workers }) => [
    name,
    topic,
    target,
    filter || 'every event',
    stateOf(workers),
  ]);
  return formatTable(columns, rows, width);
}

function stateOf(workers: Route['workers']): string {
  if (workers.length === 0) return 'no worker runs it';
  const failing = workers.filter(({ state }) => state === 'failing').length;
  return failing === 0 ? `running in ${workers.length}` : `failing in ${failing} of ${workers.length}`;
}

function describe(route: Route, width: number): string {
  const columns = [
    { name: 'WORKER' },
    { name: 'PARTITIONS' },
    { name: 'READ', align: 'right' } as const,
    { name: 'WRITTEN', align: 'right' } as const,
    { name: 'STATE' },
  ];
  const rows = route.workers.map(({ workerId, partitions, readRecords, forwardedEvents, state, error }) => [
    workerId,
    partitions.join(',') || 'none',
    String(readRecords),
    String(forwardedEvents),
    error === null ? state : `${state}: ${error}`,
  ]);
  const head = `${route.name}: ${route.topic} to ${route.target}, ${route.filter || 'every event'} (${route.id})`;
  return rows.length === 0 ? `${head}\nNo worker runs it.` : `${head}\n\n${formatTable(columns, rows, width)}`;
}
