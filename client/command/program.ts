// The commands of `mds` put together: descriptions, global options, help.

import { Command } from 'commander';
import { aggregateCommand } from './aggregate.ts';
import { auditCommand } from './audit.ts';
import { checkCommand } from './check.ts';
import { configCommand } from './configuration.ts';
import { connectionsCommand } from './connections.ts';
import { consumeCommand } from './consume.ts';
import { dlqCommand } from './dlq.ts';
import { edgesCommand } from './edges.ts';
import { errorsCommand } from './errors.ts';
import { EXIT_CODES_HELP } from './exit-codes.ts';
import { explainCommand } from './explain.ts';
import { healthCommand } from './health.ts';
import { issuersCommand } from './issuers.ts';
import { keysCommand } from './keys.ts';
import { latestCommand } from './latest.ts';
import { loginCommand, logoutCommand, whoamiCommand } from './login.ts';
import { publishCommand } from './publish.ts';
import { recentCommand } from './recent.ts';
import { rollupCommand } from './rollup.ts';
import { routesCommand } from './routes.ts';
import { statusCommand } from './status.ts';
import { subscribeCommand } from './subscribe.ts';
import { subscriptionsCommand } from './subscriptions.ts';
import { tenantsCommand } from './tenants.ts';
import { tokensCommand } from './tokens.ts';
import { topicsCommand } from './topics.ts';
import { whyCommand } from './why.ts';
import { workersCommand } from './workers.ts';

const GUIDE = `
Examples:
  mds topics                                            what there is
  mds subscribe host.metrics --filter 'value > 90.0'    matching events as they happen
  mds consume on-call                                   a durable subscription's events, acknowledged
  mds publish my.events < events.ndjson                 one JSON event a line
  mds explain host.metrics --filter 'value > 90.0'      how it is found, what it costs and matches
  mds status                                            processes, partitions, rates
${EXIT_CODES_HELP}`;

const withInner = (command: Command): Command[] => [command, ...command.commands.flatMap(withInner)];

/** The whole command with its subcommands; parsing throws CommanderError instead of ending the process. */
export function createProgram(): Command {
  const program = new Command('mds')
    .description('Monitoring Distribution Service: topics, live events, publishing, status')
    .option('--json', 'machine-readable output: JSON on stdout, errors as JSON on stderr')
    .option('--api <url>', 'control plane (default: $MDS_API_URL, else http://127.0.0.1:9400)')
    .addHelpText('after', GUIDE)
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ getOutHelpWidth: () => process.stdout.columns ?? 100, getErrHelpWidth: () => 100 });

  const commands = [
    topicsCommand(),
    subscribeCommand(),
    consumeCommand(),
    publishCommand(),
    subscriptionsCommand(),
    dlqCommand(),
    routesCommand(),
    aggregateCommand(),
    latestCommand(),
    recentCommand(),
    rollupCommand(),
    checkCommand(),
    explainCommand(),
    whyCommand(),
    workersCommand(),
    edgesCommand(),
    connectionsCommand(),
    statusCommand(),
    healthCommand(),
    errorsCommand(),
    configCommand(),
    auditCommand(),
    loginCommand(),
    logoutCommand(),
    whoamiCommand(),
    keysCommand(),
    tenantsCommand(),
    issuersCommand(),
    tokensCommand(),
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of [program, ...commands.flatMap(withInner)])
    command.copyInheritedSettings(program).exitOverride();
  return program;
}
