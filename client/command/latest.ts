// `mds latest`: the latest value of each series of a topic, or of each group.

import { Command } from 'commander';
import type { LatestAnswer } from '../../schemas/api/data.ts';
import { numberText } from './aggregate.ts';
import { runCommand } from './command-context.ts';
import { dataClient, queryOption } from './data-client.ts';
import { fieldList } from './field-list.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
Examples:
  mds latest host.metrics --group name,host
  mds latest host.metrics --filter 'name == "disk.usage"' --json | jq .rows`;

interface Options {
  readonly group?: string[];
  readonly filter?: string;
  readonly within?: string;
  readonly query?: string;
}

export function latestCommand(): Command {
  return new Command('latest')
    .description('the latest value of each series of a topic')
    .argument('<topic>', 'topic to read')
    .option('--group <dimensions>', 'one value for each group (default: each series)', fieldList)
    .option('--filter <cel>', 'CEL over the dimensions')
    .option('--within <duration>', 'how far back to look (default: 1h)')
    .addOption(queryOption())
    .addHelpText('after', EXAMPLES)
    .action((topic: string, { query, ...wish }: Options, command: Command) =>
      runCommand(command, async ({ output, fetch }) => {
        const answer = await dataClient(query, fetch).latest(topic, wish);
        await output.result(answer, () => describe(answer, output.columns));
        return undefined;
      }),
    );
}

function describe({ group, rows }: LatestAnswer, width: number): string {
  if (rows.length === 0) return 'No events.';
  const names = group.length > 0 ? group : [...new Set(rows.flatMap((row) => Object.keys(row.group)))];
  const columns = [
    ...names.map((name) => ({ name: name.toUpperCase() })),
    { name: 'AT', isWhole: true as const },
    { name: 'VALUE', align: 'right' as const },
  ];
  const cells = rows.map((row) => [
    ...names.map((name) => String(row.group[name] ?? '-')),
    row.at.replace(/\.\d+Z$/, 'Z'),
    numberText(row.value),
  ]);
  return formatTable(columns, cells, width);
}
