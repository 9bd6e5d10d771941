// `mds subscriptions`: list, create and delete durable subscriptions; subscription-control.ts has the rest.

import { Command } from 'commander';
import type { NewSubscription, Subscription } from '../../schemas/api/subscription.ts';
import { runCommand } from './command-context.ts';
import { fieldList } from './field-list.ts';
import { wholeNumber } from './numbers.ts';
import { POSITION_HELP, startPosition } from './start-position.ts';
import { addControlCommands } from './subscription-control.ts';
import { addSettingsOptions, type SettingsOptions, settingsOf } from './subscription-settings.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
Examples:
  mds subscriptions
  mds subscriptions create on-call --topic host.metrics --filter 'severity >= ERROR'
  mds subscriptions create billing --topic orders --start earliest --group-key customer --shards 8
  mds subscriptions show on-call
  mds subscriptions change on-call --ack-timeout 2m --max-attempts 10
  mds subscriptions pause on-call
  mds subscriptions seek on-call --to 15m
  mds subscriptions ledger on-call --since 2h
  mds subscriptions delete on-call

\`mds consume NAME\` takes its events, \`mds dlq list --subscription NAME\` shows those that were given up.`;

export function subscriptionsCommand(): Command {
  const subscriptions = new Command('subscriptions')
    .description(
      'durable subscriptions (named and stored, they outlive connections): create, watch, pause, move, delete',
    )
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
  addSettingsOptions(subscriptions.command('create <name>'), true)
    .description('create a durable subscription')
    .requiredOption('--topic <topic>', 'topic to subscribe to')
    .option('--filter <cel>', 'CEL over the fields of an event (default: every event)')
    .option('--fields <paths>', 'fields to keep, with commas between (default: all)', fieldList)
    .option('--start <place>', `where to begin: ${POSITION_HELP} (default: latest)`)
    .option('--group-key <paths>', 'share the work: events with equal values of these fields stay together', fieldList)
    .option('--shards <n>', 'into how many shares; as many consumers can work at once (default: 8)', wholeNumber)
    .action((name: string, options: CreateOptions, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const created = await rest.createSubscription(wishOf(name, options));
        await output.result(created, () => `created ${created.name} (${created.id})`);
        return undefined;
      }),
    );
  addControlCommands(subscriptions);
  subscriptions
    .command('delete <name>')
    .description('delete a durable subscription, by name or id, and its position')
    .action((name: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        await rest.deleteSubscription(name);
        await output.result({ deleted: name }, () => `deleted ${name}`);
        return undefined;
      }),
    );
  return subscriptions;
}

interface CreateOptions extends SettingsOptions {
  readonly topic: string;
  readonly filter?: string;
  readonly fields?: string[];
  readonly start?: string;
  readonly groupKey?: string[];
  readonly shards?: number;
}

const DEFAULT_SHARDS = 8;

function wishOf(name: string, options: CreateOptions): NewSubscription {
  const { topic, filter, fields, start, groupKey, shards = DEFAULT_SHARDS } = options;
  return {
    name,
    topic,
    ...(filter === undefined ? {} : { filter }),
    ...(fields === undefined ? {} : { fields }),
    ...(start === undefined ? {} : { start: startPosition(start) }),
    ...settingsOf(options),
    ...(groupKey === undefined ? {} : { group: { key: groupKey, shards } }),
  };
}

function tableOf(subscriptions: readonly Subscription[], width: number): string {
  const columns = [
    { name: 'NAME' },
    { name: 'TOPIC' },
    { name: 'FILTER' },
    { name: 'FIELDS' },
    { name: 'STATE' },
    { name: 'LAG', align: 'right' } as const,
    { name: 'ID' },
  ];
  const rows = subscriptions.map(({ name, topic, filter, fields, state, live, id }) => [
    name,
    topic,
    filter || 'every event',
    fields?.join(',') ?? 'all',
    state === 'paused' ? 'paused' : live?.consumers.length === 0 ? 'idle' : 'active',
    live?.lagRecords == null ? '-' : String(live.lagRecords),
    id,
  ]);
  return formatTable(columns, rows, width);
}
