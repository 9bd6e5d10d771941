// `mds subscriptions`: list, create and delete durable subscriptions.

import { Command } from 'commander';
import type { Subscription } from '../../schemas/api/subscription.ts';
import { runCommand } from './command-context.ts';
import { fieldList } from './field-list.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
Examples:
  mds subscriptions
  mds subscriptions create on-call --topic host.metrics --filter 'severity >= ERROR'
  mds subscriptions delete 7f3c2a`;

export function subscriptionsCommand(): Command {
  const subscriptions = new Command('subscriptions')
    .description('list, create and delete durable subscriptions (named and stored, they outlive connections)')
    .addHelpText('after', EXAMPLES);
  subscriptions
    .command('list', { isDefault: true })
    .description('all durable subscriptions (what `mds subscriptions` alone does)')
    .action((_options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const found = await rest.subscriptions();
        await output.result(found, () =>
          found.length === 0 ? 'There are no durable subscriptions.' : tableOf(found, output.columns),
        );
        return undefined;
      }),
    );
  subscriptions
    .command('create <name>')
    .description('create a durable subscription')
    .requiredOption('--topic <topic>', 'topic to subscribe to')
    .option('--filter <cel>', 'CEL over the fields of an event (default: every event)')
    .option('--fields <paths>', 'fields to keep, with commas between (default: all)', fieldList)
    .action((name: string, options: { topic: string; filter?: string; fields?: string[] }, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const created = await rest.createSubscription({ name, ...options });
        await output.result(created, () => `created ${created.name} (${created.id})`);
        return undefined;
      }),
    );
  subscriptions
    .command('delete <id>')
    .description('delete a durable subscription and its position')
    .action((id: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        await rest.deleteSubscription(id);
        await output.result({ deleted: id }, () => `deleted ${id}`);
        return undefined;
      }),
    );
  return subscriptions;
}

function tableOf(subscriptions: readonly Subscription[], width: number): string {
  const columns = [{ name: 'NAME' }, { name: 'TOPIC' }, { name: 'FILTER' }, { name: 'FIELDS' }, { name: 'ID' }];
  const rows = subscriptions.map(({ name, topic, filter, fields, id }) => [
    name,
    topic,
    filter || 'every event',
    fields?.join(',') ?? 'all',
    id,
  ]);
  return formatTable(columns, rows, width);
}
