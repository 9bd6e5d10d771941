// `mds errors`: what went wrong lately, over the whole fleet, and what to do about it.

import { Command } from 'commander';
import type { ErrorReport } from '../../schemas/api/error-report.ts';
import { runCommand } from './command-context.ts';
import { wholeNumber } from './numbers.ts';
import { wrapped } from './wrapped.ts';

const EXAMPLES = `
Examples:
  mds errors
  mds errors --hours 24 --component edge
  mds errors --topic host.metrics --json`;

interface Options {
  readonly hours?: number;
  readonly code?: string;
  readonly component?: string;
  readonly topic?: string;
  readonly tenant?: string;
}

export function errorsCommand(): Command {
  return new Command('errors')
    .description('recent errors of all processes, grouped, with advice')
    .option('--hours <n>', 'how far back, at most 24 (default: 1)', wholeNumber)
    .option('--code <code>', 'such as MDS_SLOW_CONSUMER')
    .option('--component <component>', 'control, stream, edge, ingest')
    .option('--topic <topic>', 'about one topic')
    .option('--tenant <tenant>', 'of one tenant')
    .addHelpText('after', EXAMPLES)
    .action((options: Options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const { hours, code, component, topic, tenant } = options;
        const found = await rest.errors({ hours, code, component, topic, tenant });
        await output.result(found, () =>
          found.length === 0 ? 'There were no errors.' : found.map((one) => describe(one, output.columns)).join('\n\n'),
        );
        return undefined;
      }),
    );
}

function describe(error: ErrorReport, width: number): string {
  const { code, component, topic, tenant, count, firstAt, lastAt, sample, advice } = error;
  const about = [topic === null ? '' : ` about ${topic}`, tenant === null ? '' : ` of tenant ${tenant}`].join('');
  const when = count === 1 ? `at ${lastAt}` : `from ${firstAt} to ${lastAt}`;
  return [
    `${count} × ${code} in ${component}${about}, ${when}`,
    ...(sample === '' ? [] : [wrapped('  ', sample, width)]),
    wrapped('  → ', advice, width),
  ].join('\n');
}
