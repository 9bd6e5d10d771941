// `mds dlq`: dead letters, to look at, to redrive and to purge. dlq-redrive.ts has what acts on them.

import { Command, Option } from 'commander';
import type { DeadLetter, InspectedDeadLetter } from '../../schemas/api/dead-letter.ts';
import { runCommand } from './command-context.ts';
import { addFilterOptions, type FilterOptions, filterOf } from './dlq-filter.ts';
import { addRedriveCommands } from './dlq-redrive.ts';
import { wholeNumber } from './numbers.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
A dead letter is an event that a durable subscription gave up, or a record that nobody could get.

Examples:
  mds dlq list --subscription on-call
  mds dlq show dl-5f0c3a9e2b7d4c6180aa93fe
  mds dlq redrive dl-5f0c3a9e2b7d4c6180aa93fe
  mds dlq redrive --subscription on-call --rate 50          all of them, 50 a second
  mds dlq purge --topic host.metrics --to 7d --yes          those older than a week`;

const DEFAULT_LIMIT = 50;

export function dlqCommand(): Command {
  const dlq = new Command('dlq')
    .description('dead letters: what could not be delivered, to look at, to redrive and to purge')
    .addHelpText('after', EXAMPLES);
  addFilterOptions(dlq.command('list', { isDefault: true }))
    .description('dead letters, newest first (what `mds dlq` alone does)')
    .addOption(
      new Option('--state <state>', 'default: all but purged').choices(['dead', 'redriving', 'redriven', 'purged']),
    )
    .option('--limit <n>', `at most so many (default: ${DEFAULT_LIMIT})`, wholeNumber)
    .action((options: FilterOptions & ListOptions, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const { state, limit = DEFAULT_LIMIT } = options;
        const letters = await rest.deadLetters({ ...filterOf(options), ...(state ? { state } : {}) }, limit);
        await output.result(letters, () =>
          letters.length === 0 ? 'There are no such dead letters.' : tableOf(letters, output.columns),
        );
        return undefined;
      }),
    );
  dlq
    .command('show <id>')
    .description('one dead letter: why, and the event as it was')
    .action((id: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const letter = await rest.deadLetter(id);
        await output.result(letter, () => describe(letter));
        return undefined;
      }),
    );
  addRedriveCommands(dlq);
  return dlq;
}

interface ListOptions {
  readonly state?: DeadLetter['state'];
  readonly limit?: number;
}

const cursorText = ({ cursor: { partition, offset, index } }: DeadLetter): string =>
  index === null ? `${partition}:${offset}` : `${partition}:${offset}:${index}`;

function tableOf(letters: readonly DeadLetter[], width: number): string {
  const columns = [
    { name: 'ID', isWhole: true } as const,
    { name: 'AT' },
    { name: 'STATE' },
    { name: 'TOPIC' },
    { name: 'CURSOR' },
    { name: 'SUBSCRIPTION' },
    { name: 'REASON' },
  ];
  const rows = letters.map((letter) => [
    letter.id,
    letter.at.replace(/\.\d+Z$/, 'Z'),
    letter.state,
    letter.topic,
    cursorText(letter),
    letter.subscription?.name ?? '-',
    letter.reason,
  ]);
  return formatTable(columns, rows, width);
}

function describe(letter: InspectedDeadLetter): string {
  const { id, state, topic, subscription, attempts, consumer, reason, message, redrives, at, key, original } = letter;
  const lines = [
    `${id}: ${state}${redrives > 0 ? `, redrive ${redrives}` : ''}`,
    `${topic} ${cursorText(letter)}, given up at ${at}`,
    subscription === null
      ? 'nobody could get the record'
      : `${subscription.name} shard ${subscription.shard}, ${attempts} attempts, last at ${consumer ?? 'nobody'}`,
    `${message} [${reason}]`,
    ...(key === null ? [] : [`key ${key}`]),
    '',
  ];
  if (original === null) lines.push('The dead-letter topic no longer holds its bytes.');
  else if (letter.problem) lines.push(`It cannot be decoded: ${letter.problem.message} [${letter.problem.code}]`);
  for (const event of letter.events) lines.push(JSON.stringify(event, null, 2));
  if (letter.problem && original?.value != null) lines.push(`base64 ${original.value}`);
  return lines.join('\n');
}
