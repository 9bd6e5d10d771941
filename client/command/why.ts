// `mds why`: what became of one event for one durable subscription.

import { Command } from 'commander';
import type { Why } from '../../schemas/api/why.ts';
import { runCommand } from './command-context.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
EVENT is the id of an event, or a cursor: PARTITION:OFFSET, or PARTITION:OFFSET:INDEX for an event of a batch record, as
\`mds subscribe --with-cursor\` shows it.

Examples:
  mds why on-call 3:1042
  mds why on-call 3:1042:7
  mds why on-call 01J9ZK6M2P --json | jq .steps`;

const CURSOR = /^\d+:\d+(:\d+)?$/;

export function whyCommand(): Command {
  return new Command('why')
    .description('what became of an event for a durable subscription, or which clause of its filter said no')
    .argument('<subscription>', 'name or id of the durable subscription')
    .argument('<event>', 'cursor or id of the event')
    .addHelpText('after', EXAMPLES)
    .action((subscription: string, event: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const why = await rest.why(subscription, CURSOR.test(event) ? { cursor: event } : { event });
        await output.result(why, () => describe(why, output.columns));
        return undefined;
      }),
    );
}

function describe(why: Why, width: number): string {
  const { cursor, name, topic, filter, matches, explanation, clauses, steps, attempts, event } = why;
  const lines = [
    `${topic} ${cursor.partition}:${cursor.offset}:${cursor.index} for ${name}: ${explanation}`,
    ...(attempts === null ? [] : [`Attempts so far: ${attempts}.`]),
  ];
  if (matches === false) {
    lines.push('', `filter  ${filter}`);
    for (const { clause, isTrue } of clauses) lines.push(`${isTrue ? '  true ' : '  FALSE'}  ${clause}`);
  }
  if (steps.length > 0) lines.push('', stepsTable(steps, width));
  if (event !== null) lines.push('', JSON.stringify(event));
  return lines.join('\n');
}

function stepsTable(steps: Why['steps'], width: number): string {
  const columns = [{ name: 'WHEN' }, { name: 'WHAT' }, { name: 'CONSUMER' }, { name: 'EDGE' }, { name: 'REASON' }];
  const rows = steps.map(({ at, what, consumer, edgeId, reason }) => [at, what, consumer, edgeId, reason ?? '']);
  return formatTable(columns, rows, width);
}
