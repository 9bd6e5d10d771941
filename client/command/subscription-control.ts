// `mds subscriptions show | change | pause | resume | seek | ledger`: looking at one durable subscription and steering it.

import type { Command } from 'commander';
import type { DeliveryLedger } from '../../schemas/api/ledger.ts';
import type { Subscription } from '../../schemas/api/subscription.ts';
import { MdsError } from '../../schemas/errors.ts';
import { runCommand } from './command-context.ts';
import { formatDuration } from './duration.ts';
import { POSITION_HELP, pointInTime, startPosition } from './start-position.ts';
import { addSettingsOptions, type SettingsOptions, settingsOf } from './subscription-settings.ts';
import { formatTable } from './table.ts';

export function addControlCommands(subscriptions: Command): void {
  subscriptions
    .command('show <name>')
    .description('one durable subscription, by name or id: its settings, who consumes it, how far it is')
    .action((name: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const subscription = await rest.subscription(name);
        await output.result(subscription, () => describe(subscription, output.columns));
        return undefined;
      }),
    );
  addSettingsOptions(subscriptions.command('change <name>'), false)
    .description('change how it delivers, without interrupting its consumers')
    .action((name: string, options: SettingsOptions, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const change = settingsOf(options);
        if (Object.keys(change).length === 0) {
          throw new MdsError('MDS_REQUEST_INVALID', { problems: ['give at least one option to change'] });
        }
        const subscription = await rest.changeSubscription(name, change);
        await output.result(subscription, () => describe(subscription, output.columns));
        return undefined;
      }),
    );
  subscriptions
    .command('pause <name>')
    .description('deliver nothing more; consumers stay connected, and the position stays')
    .action((name: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const subscription = await rest.pauseSubscription(name);
        await output.result(subscription, () => `paused ${subscription.name}`);
        return undefined;
      }),
    );
  subscriptions
    .command('resume <name>')
    .description('go on delivering where it was')
    .action((name: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const subscription = await rest.resumeSubscription(name);
        await output.result(subscription, () => `resumed ${subscription.name}`);
        return undefined;
      }),
    );
  subscriptions
    .command('seek <name>')
    .description('go on from another place, backwards or forwards; what is in flight is dropped')
    .requiredOption('--to <place>', POSITION_HELP)
    .action((name: string, { to }: { readonly to: string }, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const subscription = await rest.seekSubscription(name, startPosition(to));
        const lag = subscription.live?.lagRecords;
        const behind = lag == null ? '' : `, ${lag} records behind the end`;
        await output.result(subscription, () => `${subscription.name} goes on from ${to}${behind}`);
        return undefined;
      }),
    );
  subscriptions
    .command('ledger <name>')
    .description('what became of its events, minute by minute')
    .option('--since <time>', 'a time, or a time ago such as 2h (default: 1h)', (text) => pointInTime(text))
    .option('--until <time>', 'a time, or a time ago (default: now)', (text) => pointInTime(text))
    .action((name: string, options: { readonly since?: string; readonly until?: string }, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const ledger = await rest.ledger(name, options.since, options.until);
        await output.result(ledger, () => ledgerTable(ledger, output.columns));
        if (!ledger.isCurrent) output.note('mds: Redis cannot be reached; the last minutes may lack something.');
        return undefined;
      }),
    );
}

function describe(subscription: Subscription, width: number): string {
  const { name, id, topic, filter, fields, state, group, live } = subscription;
  const { ackTimeoutMs, backoffBaseMs, backoffMaxMs, maxAttempts, maxInFlight } = subscription;
  const lines = [
    `${name} (${id}): ${state}, topic ${topic}`,
    `filter ${filter || 'every event'}, fields ${fields?.join(',') ?? 'all'}`,
    `acknowledged within ${formatDuration(ackTimeoutMs)}, else again after ${formatDuration(backoffBaseMs)} to ${formatDuration(backoffMaxMs)}; a dead letter after ${maxAttempts} attempts`,
    group === null
      ? `one consumer at a time, ${maxInFlight} events in flight at most`
      : `shared by ${group.key.join(',')} in ${group.shards} shards, ${maxInFlight} events in flight at most in each`,
    '',
  ];
  if (live === null) return [...lines, 'Redis cannot be reached: who consumes it is not known.'].join('\n');
  const consumers = live.consumers.map(({ consumer, edgeId, joinedAt, shards }) => [
    consumer,
    edgeId,
    joinedAt,
    shards.length === 0 ? 'stands by' : shards.join(','),
  ]);
  const columns = [{ name: 'CONSUMER' }, { name: 'EDGE' }, { name: 'SINCE' }, { name: 'SHARDS' }];
  const right = { align: 'right' } as const;
  const shardColumns = [
    { name: 'SHARD', ...right },
    { name: 'CONSUMER' },
    { name: 'IN FLIGHT', ...right },
    { name: 'LAG', ...right },
    { name: 'POSITION' },
  ];
  const shards = live.shards.map(({ shard, consumer, inFlight, lagRecords, position }) => [
    String(shard),
    consumer ?? '-',
    String(inFlight),
    lagRecords === null ? '-' : String(lagRecords),
    position,
  ]);
  return [
    ...lines,
    consumers.length === 0 ? 'Nobody consumes it.' : formatTable(columns, consumers, width),
    '',
    formatTable(shardColumns, shards, width),
  ].join('\n');
}

function ledgerTable({ items, total }: DeliveryLedger, width: number): string {
  if (items.length === 0) return 'Nothing happened in this time.';
  const names = [
    'matched',
    'sent',
    'acknowledged',
    'redelivered',
    'negative',
    'deadLettered',
    'expired',
    'skipped',
  ] as const;
  const heads = ['MATCHED', 'SENT', 'ACKED', 'AGAIN', 'REFUSED', 'DEAD', 'EXPIRED', 'SKIPPED'];
  const columns = [{ name: 'MINUTE' }, ...heads.map((name) => ({ name, align: 'right' }) as const)];
  const rowOf = (first: string, counts: DeliveryLedger['total']) => [
    first,
    ...names.map((name) => String(counts[name])),
  ];
  const rows = items.map((item) => rowOf(item.minute.replace(':00.000Z', 'Z'), item));
  return formatTable(columns, [...rows, rowOf('total', total)], width);
}
