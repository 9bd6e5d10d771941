// `mds health`: whether events are distributed as they should be, why not, and what to do.

import { Command } from 'commander';
import type { DistributionHealth, HealthReason } from '../../schemas/api/health.ts';
import { runCommand } from './command-context.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { wrapped } from './wrapped.ts';

const EXAMPLES = `
Examples:
  mds health
  mds health --json | jq -r .verdict

Exit code 1 unless all is well.`;

export function healthCommand(): Command {
  return new Command('health')
    .description('whether events are distributed as they should be, with reasons and advice')
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const health = await rest.health();
        await output.result(health, () => describe(health, output.columns));
        return health.verdict === 'ok' ? EXIT_CODES.OK : EXIT_CODES.FAILURE;
      }),
    );
}

function describe({ verdict, reasons, topics }: DistributionHealth, width: number): string {
  const well = topics.filter((topic) => topic.verdict === 'ok');
  const lines = [verdict, ...reasons.flatMap((reason) => linesOf(reason, width))];
  for (const topic of topics) {
    if (topic.verdict === 'ok') continue;
    lines.push(`${topic.topic}: ${topic.verdict}`, ...topic.reasons.flatMap((reason) => linesOf(reason, width)));
  }
  if (well.length > 0) lines.push(`${well.length === 1 ? '1 topic is' : `${well.length} topics are`} well`);
  return lines.join('\n');
}

const linesOf = ({ sentence, advice, see }: HealthReason, width: number): string[] => [
  wrapped('  ! ', sentence, width),
  wrapped('    ', `${advice} (${see})`, width),
];
