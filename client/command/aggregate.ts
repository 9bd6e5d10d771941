// `mds aggregate`: counts, sums, averages and percentiles of a topic by window and group.

import { Command } from 'commander';
import type { AggregateAnswer } from '../../schemas/api/data.ts';
import type { AggregateFunction } from '../../schemas/rollup/aggregate.ts';
import { runCommand } from './command-context.ts';
import { dataClient, queryOption } from './data-client.ts';
import { fieldList } from './field-list.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
Functions: count, sum, avg, min, max, p50, p90, p99, rate (events a second). Dimensions are fields of the topic's rollup
and labels, as labels.KEY; \`mds rollup TOPIC\` shows them. Windows: 1s to 1d.

Examples:
  mds aggregate host.metrics --filter 'name == "cpu.usage"' --functions avg,p99 --window 1m --from -15m
  mds aggregate host.metrics --group-by service,name --window 1h --json | jq .rows`;

interface Options {
  readonly functions?: AggregateFunction[];
  readonly groupBy?: string[];
  readonly window?: string;
  readonly from?: string;
  readonly to?: string;
  readonly filter?: string;
  readonly query?: string;
}

export function aggregateCommand(): Command {
  return new Command('aggregate')
    .description('counts, sums and percentiles of a topic by window and group')
    .argument('<topic>', 'topic to aggregate')
    .option('--functions <names>', 'with commas between (default: count)', fieldList)
    .option('--group-by <dimensions>', 'with commas between: service,labels.region', fieldList)
    .option('--window <duration>', 'length of a window (default: 60s)')
    .option('--from <time>', 'RFC 3339, or how long ago: -15m (default: -1h)')
    .option('--to <time>', 'the same (default: now)')
    .option('--filter <cel>', 'CEL over the dimensions')
    .addOption(queryOption())
    .addHelpText('after', EXAMPLES)
    .action((topic: string, { query, ...wish }: Options, command: Command) =>
      runCommand(command, async ({ output, fetch }) => {
        const answer = await dataClient(query, fetch).aggregate(topic, wish);
        await output.result(answer, () => describe(answer, output.columns));
        if (!answer.isComplete) output.note('Incomplete: events beyond the limit of series were left out.');
        return undefined;
      }),
    );
}

function describe({ rows, groupBy, functions }: AggregateAnswer, width: number): string {
  if (rows.length === 0) return 'No events.';
  const columns = [
    { name: 'WINDOW', isWhole: true as const },
    ...groupBy.map((name) => ({ name: name.toUpperCase() })),
    ...functions.map((name) => ({ name: name.toUpperCase(), align: 'right' as const })),
  ];
  const cells = rows.map(({ start, group, ...results }) => [
    start.replace('.000Z', 'Z'),
    ...groupBy.map((name) => String(group[name] ?? '-')),
    ...functions.map((name) => numberText(results[name] ?? null)),
  ]);
  return formatTable(columns, cells, width);
}

export const numberText = (value: number | null): string =>
  value === null ? '-' : value.toLocaleString('en', { maximumSignificantDigits: 6 });
