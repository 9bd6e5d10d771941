// `mds check`: whether a filter fits a topic, and what it will cost.

import { Command } from 'commander';
import { runCommand } from './command-context.ts';
import { fieldList } from './field-list.ts';
import { validOrThrow } from './valid-filter.ts';

const EXAMPLES = `
Examples:
  mds check host.metrics --filter 'kind == ALERT && severity >= WARNING'
  mds check host.metrics --filter 'labels["region"].startsWith("eu-")' --fields host,value
  mds check host.metrics --filter "$FILTER" --json | jq .cost`;

export function checkCommand(): Command {
  return new Command('check')
    .description("check a filter against a topic's schema; exit code 1 when it is not valid")
    .argument('<topic>', 'topic whose schema it must fit')
    .requiredOption('--filter <cel>', 'CEL over the fields of an event')
    .option('--fields <paths>', 'fields to keep, with commas between', fieldList)
    .addHelpText('after', EXAMPLES)
    .action((topic: string, options: { filter: string; fields?: string[] }, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const verdict = validOrThrow(await rest.checkFilter(topic, options.filter, options.fields), options.filter);
        await output.result(verdict, () =>
          [
            'The filter is valid.',
            `  means    ${verdict.canonical || 'every event'}`,
            `  reads    ${verdict.fieldsRead.join(', ') || 'no field'}`,
            `  costs    ${verdict.cost} units an event`,
            `  channel  ${verdict.channel}`,
          ].join('\n'),
        );
        return undefined;
      }),
    );
}
