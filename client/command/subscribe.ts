// `mds subscribe`: matching events as they happen, until Ctrl-C, with a token to continue from.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { MdsError } from '../../schemas/errors.ts';
import { OVERFLOW_POLICIES, type OverflowPolicy } from '../../schemas/frames.ts';
import {
  type ConnectOptions,
  connect,
  type MdsClient,
  type ReceivedEvent,
  type Subscription,
} from '../library/index.ts';
import { type CommandContext, FilterFailure, runCommand } from './command-context.ts';
import { EventTable } from './event-table.ts';
import { EXIT_CODES_HELP, type ExitCode } from './exit-codes.ts';
import { fieldList } from './field-list.ts';
import { positiveNumber, wholeNumber } from './numbers.ts';
import { gapNote, MAX_ATTEMPTS, noteState, shedNote } from './subscription-notes.ts';

const EXAMPLES = `
Examples:
  mds subscribe host.metrics
  mds subscribe host.metrics --filter 'name == "cpu.usage" && value > 90.0' --format table
  mds subscribe host.metrics --fields host,name,value --count 10
  mds subscribe host.metrics --from-token-file ~/.host-metrics.token | my-program
  mds subscribe host.metrics --with-cursor | jq .cursor
  mds subscribe host.metrics --overflow latest --key host,name --max-rate 10

With --overflow latest or drop, what is left out is counted on stderr.
Ctrl-C ends it and prints a resume token on stderr: with --resume TOKEN the next event follows.
${EXIT_CODES_HELP}`;

interface SubscribeFlags {
  readonly filter?: string;
  readonly fields?: string[];
  readonly format?: 'json' | 'table' | 'avro';
  readonly withCursor?: boolean;
  readonly resume?: string;
  readonly fromTokenFile?: string;
  readonly overflow?: OverflowPolicy;
  readonly key?: string[];
  readonly maxRate?: number;
  readonly count?: number;
  readonly edge?: string;
}

export function subscribeCommand(): Command {
  return new Command('subscribe')
    .description('show matching events as they happen')
    .argument('<topic>', 'topic to subscribe to')
    .option('--filter <cel>', 'CEL over the fields of an event (default: every event)')
    .option('--fields <paths>', 'fields to keep, with commas between (default: all)', fieldList)
    .addOption(
      new Option(
        '--format <format>',
        'json: one event a line (default unless stdout is a terminal); table; avro: json lines of events that travel as Avro',
      ).choices(['json', 'table', 'avro']),
    )
    .option('--with-cursor', 'json lines are {"cursor": {partition, offset, index}, "data": event}')
    .addOption(
      new Option('--resume <token>', 'continue where an earlier subscription to this topic ended').conflicts(
        'fromTokenFile',
      ),
    )
    .option('--from-token-file <file>', 'continue from the token in this file, where it exists, and keep it there')
    .addOption(
      new Option(
        '--overflow <policy>',
        'when this reader is too slow: resume (closed, and continues where it was; the default); latest (of equal --key only the latest); drop (left out)',
      ).choices([...OVERFLOW_POLICIES]),
    )
    .option('--key <paths>', 'fields whose values together are the key of --overflow latest', fieldList)
    .option('--max-rate <n>', 'most events a second; the rest goes as --overflow latest or drop says', positiveNumber)
    .option('--count <n>', 'end after this many events', wholeNumber)
    .option('--edge <url>', 'connect to this edge (ws://…) instead of asking the control plane')
    .addHelpText('after', EXAMPLES)
    .action((topic: string, flags: SubscribeFlags, command: Command) =>
      runCommand(command, (context) => subscribe(context, topic, flags)),
    );
}

async function subscribe(context: CommandContext, topic: string, flags: SubscribeFlags): Promise<ExitCode | undefined> {
  const { rest, output, config } = context;
  const write = await writerOf(context, topic, flags);
  const resume = flags.resume ?? (await readToken(flags.fromTokenFile));
  const source = flags.edge === undefined ? { api: rest.api } : { url: flags.edge };
  // Asked once before, so that a service that is not there is a failure now and not a wait.
  if (flags.edge === undefined) await rest.edges();
  const client = connect({
    ...source,
    ...(config.credential === null ? {} : { credential: config.credential.value }),
    reconnect: { maxAttempts: MAX_ATTEMPTS },
    ...(flags.format === 'avro' ? await avroOptions(context) : {}),
    onStateChange: (state) => noteState(output.note.bind(output), state),
  });
  try {
    await follow(context, client, topic, flags, resume, write);
  } catch (error) {
    throw error instanceof MdsError && flags.filter !== undefined ? new FilterFailure(error, flags.filter) : error;
  } finally {
    client.close();
  }
  return undefined;
}

/** avsc is loaded only when it is needed: it takes longer than most commands. */
async function avroOptions({ rest }: CommandContext): Promise<Pick<ConnectOptions, 'format' | 'avro'>> {
  const { avscDecoder } = await import('../library/avsc-decoder.ts');
  const schemaOf = async (schemaId: number): Promise<unknown> => (await rest.writerSchema(schemaId)).eventSchema;
  return { format: 'avro', avro: { decoder: avscDecoder, schemaOf } };
}

/** Subscribes and writes until the end, whatever ends it; the token is kept in any case. */
async function follow(
  context: CommandContext,
  client: MdsClient,
  topic: string,
  { filter, fields, overflow, key, maxRate, count, fromTokenFile }: SubscribeFlags,
  resume: string | undefined,
  write: Write,
): Promise<void> {
  const { output } = context;
  const subscription = client.subscribe({
    topic,
    ...(filter === undefined ? {} : { filter }),
    ...(fields === undefined ? {} : { fields }),
    ...(resume === undefined ? {} : { resume }),
    ...(overflow === undefined ? {} : { overflow }),
    ...(key === undefined ? {} : { key }),
    ...(maxRate === undefined ? {} : { maxRate }),
    onGap: (gap) => output.note(gapNote(gap)),
    onShed: (shed) => output.note(shedNote(shed)),
  });
  const stop = (): void => subscription.unsubscribe();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  output.closed.addEventListener('abort', stop);
  try {
    await writeEvents(subscription, write, count);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await keepToken(context, subscription.token, fromTokenFile);
  }
}

async function writeEvents(
  subscription: Subscription<unknown>,
  write: (event: ReceivedEvent<unknown>) => Promise<void>,
  count: number | undefined,
): Promise<void> {
  let left = count ?? Number.POSITIVE_INFINITY;
  for await (const event of subscription) {
    await write(event);
    left -= 1;
    if (left === 0) return;
  }
}

type Write = (event: ReceivedEvent<unknown>) => Promise<void>;

async function writerOf({ rest, output }: CommandContext, topic: string, flags: SubscribeFlags): Promise<Write> {
  const format = flags.format ?? (output.json || flags.withCursor || !output.isTerminal ? 'json' : 'table');
  if (format !== 'table') {
    return ({ cursor, data }) => output.line(JSON.stringify(flags.withCursor ? { cursor, data } : data));
  }
  const { schema } = await rest.topic(topic);
  const table = new EventTable(schema, flags.fields ?? null, output.columns, output.hasColours);
  await output.line(table.header());
  return ({ data }) => output.line(table.row(data));
}

async function readToken(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    const token = (await readFile(file, 'utf8')).trim();
    return token === '' ? undefined : token;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function keepToken({ output }: CommandContext, token: string | null, file: string | undefined): Promise<void> {
  if (token === null) return;
  if (file === undefined) {
    output.note(output.json ? JSON.stringify({ resume: token }) : `resume token: ${token}`);
    return;
  }
  const unfinished = `${file}.${process.pid}.tmp`;
  await writeFile(unfinished, `${token}\n`, { mode: 0o600 });
  await rename(unfinished, file);
}
