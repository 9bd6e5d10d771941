// `mds config`: what processes are set to, and changing it while they run.

import { Command } from 'commander';
import type { ProcessConfiguration } from '../../schemas/api/configuration.ts';
import { runCommand } from './command-context.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
Examples:
  mds config show
  mds config show edge --all
  mds config set edge logLevel debug
  mds config set edge edgeMaxConnections 20000
  mds config unset edge logLevel`;

export function configCommand(): Command {
  const config = new Command('config')
    .description('the configuration in effect, and changing it while processes run')
    .addHelpText('after', EXAMPLES);
  config
    .command('show [component]', { isDefault: true })
    .description('what can be changed, and what differs from the defaults (what `mds config` alone does)')
    .option('--all', 'every value')
    .action((component: string | undefined, options: { all?: true }, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const found = await rest.configuration(component);
        await output.result(found, () => describe(found, options.all === true, output.columns));
        return undefined;
      }),
    );
  config
    .command('set <component> <setting> <value>')
    .description('change a setting of all processes of a kind; it holds within two seconds')
    .action((component: string, setting: string, value: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const changed = await rest.changeConfiguration(component, { set: { [setting]: typedValue(value) } });
        await output.result(changed, () => `${setting} of ${component} is ${value} (revision ${changed.revision})`);
        return undefined;
      }),
    );
  config
    .command('unset <component> <setting>')
    .description('take a change back: the value that processes were started with holds again')
    .action((component: string, setting: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const changed = await rest.changeConfiguration(component, { unset: [setting] });
        await output.result(changed, () => `${setting} of ${component} is as it was (revision ${changed.revision})`);
        return undefined;
      }),
    );
  return config;
}

/** Numbers and truth values as such; everything else is text. */
function typedValue(text: string): unknown {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return text === 'true' || text === 'false' ? text === 'true' : text;
}

function describe(found: readonly ProcessConfiguration[], all: boolean, width: number): string {
  if (found.length === 0) return 'No process reports its configuration.';
  const columns = [{ name: 'SETTING' }, { name: 'VALUE' }, { name: 'FROM' }, { name: 'VARIABLE' }];
  return found
    .map(({ component, processId, revision, settings, problems }) => {
      const shown = settings.filter(({ isChangeable, source }) => all || isChangeable || source !== 'default');
      const rows = shown.map(({ name, value, source, isChangeable, variable }) => [
        isChangeable ? `${name} *` : name,
        typeof value === 'string' ? value : JSON.stringify(value),
        source,
        variable,
      ]);
      const lines = [`${component} ${processId}, revision ${revision} (* can be changed at run time)`];
      return [...lines, ...problems.map((problem) => `! ${problem}`), formatTable(columns, rows, width)].join('\n');
    })
    .join('\n\n');
}
