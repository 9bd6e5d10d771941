// `mds rollup`: what a topic's aggregates are made of, and how far they have counted.

import { Command } from 'commander';
import type { RollupState } from '../../schemas/api/data.ts';
import { runCommand } from './command-context.ts';
import { dataClient, queryOption } from './data-client.ts';
import { fieldList } from './field-list.ts';
import { wholeNumber } from './numbers.ts';

const EXAMPLES = `
With an option, the topic gets another rollup: it counts anew what Kafka holds, and what was gathered before goes.

Examples:
  mds rollup host.metrics
  mds rollup service.logs --fields service,severity --labels region --max-series 50000`;

interface Options {
  readonly fields?: string[];
  readonly labels?: string[];
  readonly value?: string;
  readonly maxSeries?: number;
  readonly query?: string;
}

export function rollupCommand(): Command {
  return new Command('rollup')
    .description('what the aggregates of a topic keep, and how far they have counted')
    .argument('<topic>', 'topic')
    .option('--fields <names>', 'choose the fields that form a series', fieldList)
    .option('--labels <keys>', 'choose the labels that do; all: every one', fieldList)
    .option('--value <field>', 'choose the field that is aggregated')
    .option('--max-series <n>', 'choose how many series there may be', wholeNumber)
    .addOption(queryOption())
    .addHelpText('after', EXAMPLES)
    .action((topic: string, { query, labels, ...chosen }: Options, command: Command) =>
      runCommand(command, async ({ output, fetch }) => {
        const data = dataClient(query, fetch);
        let state = await data.rollup(topic);
        if (labels !== undefined || Object.keys(chosen).length > 0) {
          const keys = labels?.length === 1 && labels[0] === 'all' ? ('all' as const) : labels;
          state = await data.chooseRollup(topic, { ...state.definition, ...chosen, ...(keys ? { labels: keys } : {}) });
        }
        await output.result(state, () => describe(state));
        return undefined;
      }),
    );
}

function describe(state: RollupState): string {
  const { topic, definition, isChosen, series, events, lateEvents, aheadEvents, unreadableRecords, newestEvent } =
    state;
  const { fields, labels, value, time, maxSeries } = definition;
  return [
    `${topic}: ${isChosen ? 'chosen' : 'by default, from its schema'}`,
    `  series   by ${[...fields, ...(labels === 'all' ? ['every label'] : labels.map((key) => `labels.${key}`))].join(', ') || 'nothing: there is one'}`,
    `           ${series} of at most ${maxSeries}`,
    `  value    ${value ?? 'none: events are counted'}`,
    `  time     ${time ?? 'when Kafka got the record'}`,
    `  counted  ${events} events, of these ${lateEvents} late and ${aheadEvents} ahead; ${unreadableRecords} records unreadable`,
    `  newest   ${newestEvent ?? 'none'}`,
  ].join('\n');
}
