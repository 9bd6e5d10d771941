// `mds dlq redrive | progress | cancel | purge`: what is done about dead letters, one by one or many at once.

import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { DeadLetterFilter, Redrive } from '../../schemas/api/dead-letter.ts';
import { MdsError } from '../../schemas/errors.ts';
import { type CommandContext, runCommand } from './command-context.ts';
import { addFilterOptions, type FilterOptions, filterOf } from './dlq-filter.ts';
import { positiveNumber } from './numbers.ts';

const PROGRESS_INTERVAL_MS = 500;

interface ManyOptions extends FilterOptions {
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly rate?: number;
  readonly wait: boolean;
}

export function addRedriveCommands(dlq: Command): void {
  addFilterOptions(dlq.command('redrive [id]'))
    .description('deliver one dead letter again, or all that fit, at a bounded rate')
    .option('--all', 'all dead letters there are')
    .option('--rate <n>', 'of many: so many a second (default: 100)', positiveNumber)
    .option('--no-wait', 'of many: only start it; `mds dlq progress ID` shows how far it is')
    .action((id: string | undefined, options: ManyOptions, command: Command) =>
      runCommand(command, async (context) => {
        if (id === undefined) await redriveMany(context, options);
        else await redriveOne(context, id, options);
        return undefined;
      }),
    );
  dlq
    .command('progress <id>')
    .description('how far a redrive of many is')
    .action((id: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const redrive = await rest.redrive(id);
        await output.result(redrive, () => progressOf(redrive));
        return undefined;
      }),
    );
  dlq
    .command('cancel <id>')
    .description('cancel a redrive of many; what it has done stays done')
    .action((id: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const redrive = await rest.cancelRedrive(id);
        await output.result(redrive, () => progressOf(redrive));
        return undefined;
      }),
    );
  addFilterOptions(dlq.command('purge [id]'))
    .description('take one dead letter, or all that fit, off the list for good')
    .option('--all', 'all dead letters there are')
    .option('--yes', 'required for many: they cannot be redriven afterwards')
    .action((id: string | undefined, options: ManyOptions, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const wanted = id === undefined ? manyOf(options) : null;
        if (id !== undefined) refuseFilter(id, options);
        if (wanted !== null && options.yes !== true) throw invalid('say --yes, they cannot be redriven afterwards');
        if (id !== undefined) await rest.purgeDeadLetter(id);
        const { purged } = wanted === null ? { purged: 1 } : await rest.purgeDeadLetters(wanted);
        await output.result({ purged }, () => `purged ${purged}`);
        return undefined;
      }),
    );
}

async function redriveOne({ rest, output }: CommandContext, id: string, options: ManyOptions): Promise<void> {
  refuseFilter(id, options);
  const letter = await rest.redriveDeadLetter(id);
  await output.result(letter, () => `${letter.id} is ${letter.state}`);
}

/** Until it is done; who presses Ctrl-C leaves it running. */
async function redriveMany({ rest, output }: CommandContext, options: ManyOptions): Promise<void> {
  const { rate, wait } = options;
  let redrive = await rest.redriveDeadLetters({
    ...manyOf(options),
    ...(rate === undefined ? {} : { ratePerSecond: rate }),
  });
  if (wait) output.note(`redriving ${redrive.total} as ${redrive.id}; \`mds dlq cancel ${redrive.id}\` cancels it`);
  while (wait && redrive.state === 'running') {
    await delay(PROGRESS_INTERVAL_MS);
    redrive = await rest.redrive(redrive.id);
  }
  await output.result(redrive, () => progressOf(redrive));
}

const progressOf = ({ id, state, total, redriven, failed }: Redrive): string =>
  `${id}: ${state}, ${redriven} of ${total} redriven${failed > 0 ? `, ${failed} could not be` : ''}`;

function manyOf(options: ManyOptions): { readonly filter: DeadLetterFilter } | { readonly all: true } {
  const filter = filterOf(options);
  const isEmpty = Object.keys(filter).length === 0;
  if (options.all === true && isEmpty) return { all: true };
  if (options.all !== true && !isEmpty) return { filter };
  throw invalid(isEmpty ? 'give an id, a filter such as --subscription, or --all' : 'give a filter or --all, not both');
}

function refuseFilter(id: string, options: ManyOptions): void {
  if (options.all === true || Object.keys(filterOf(options)).length > 0) {
    throw invalid(`give ${id} or a filter, not both`);
  }
}

const invalid = (problem: string): MdsError => new MdsError('MDS_REQUEST_INVALID', { problems: [problem] });
