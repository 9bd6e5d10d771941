// `mds consume`: takes part in a durable subscription, writes its events to stdout and acknowledges what was written.

import { Command, Option } from 'commander';
import {
  connect,
  type Delivery,
  type DurableState,
  type DurableSubscription,
  type MdsError,
} from '../library/index.ts';
import { type CommandContext, runCommand } from './command-context.ts';
import { EXIT_CODES_HELP, type ExitCode } from './exit-codes.ts';
import { wholeNumber } from './numbers.ts';
import { gapNote, MAX_ATTEMPTS, noteState } from './subscription-notes.ts';

const EXAMPLES = `
Each event is one line of JSON. It is acknowledged when stdout has taken it; what was not comes again, here or at another
consumer, and then a line says which attempt it is: {"attempt": 2, "data": event}.

Examples:
  mds consume on-call
  mds consume on-call --consumer "$HOSTNAME" | my-program
  mds consume on-call --count 10 --ack none              look at what is next, without taking it
  mds consume on-call --with-cursor | jq .cursor

Ctrl-C ends it, when the service has stored the acknowledgements.
${EXIT_CODES_HELP}`;

/** Events that are written and not stored yet: beyond, writing waits, so that a crash repeats little. */
const MAX_UNSTORED = 1000;

interface ConsumeFlags {
  readonly count?: number;
  readonly ack: 'auto' | 'none';
  readonly consumer?: string;
  readonly maxInFlight?: number;
  readonly withCursor?: boolean;
  readonly edge?: string;
}

export function consumeCommand(): Command {
  return new Command('consume')
    .description('take events of a durable subscription, each until it is acknowledged')
    .argument('<subscription>', 'name or id of the durable subscription')
    .option('--count <n>', 'end after this many events', wholeNumber)
    .addOption(
      new Option('--ack <when>', 'auto: when stdout has taken it; none: never, so that all of it comes again')
        .choices(['auto', 'none'])
        .default('auto'),
    )
    .option('--consumer <name>', 'name of this consumer: a newer one of the same name takes over (default: random)')
    .option('--max-in-flight <n>', 'most events that are delivered and not acknowledged', wholeNumber)
    .option('--with-cursor', 'lines are {"cursor": {partition, offset, index}, "attempt": n, "data": event}')
    .option('--edge <url>', 'connect to this edge (ws://…) instead of asking the control plane')
    .addHelpText('after', EXAMPLES)
    .action((subscription: string, flags: ConsumeFlags, command: Command) =>
      runCommand(command, (context) => consume(context, subscription, flags)),
    );
}

async function consume(
  { rest, output, config }: CommandContext,
  subscription: string,
  { count, ack, consumer, maxInFlight, withCursor, edge }: ConsumeFlags,
): Promise<ExitCode | undefined> {
  // Asked once before, so that a service that is not there is a failure now and not a wait.
  if (edge === undefined) await rest.edges();
  const client = connect({
    ...(edge === undefined ? { api: rest.api } : { url: edge }),
    ...(config.credential === null ? {} : { credential: config.credential.value }),
    reconnect: { maxAttempts: MAX_ATTEMPTS },
    onStateChange: (state) => noteState(output.note.bind(output), state),
  });
  const durable = client.consume({
    subscription,
    ...(consumer === undefined ? {} : { consumer }),
    ...(maxInFlight === undefined ? {} : { maxInFlight }),
    onGap: (gap) => output.note(gapNote(gap)),
    onState: stateNoter((text) => output.note(text)),
  });
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  output.closed.addEventListener('abort', stop);
  try {
    await writeDeliveries(durable, {
      write: (delivery) => output.line(lineOf(delivery, withCursor === true)),
      count,
      acknowledges: ack === 'auto',
      stopping: stopping.signal,
      note: (text) => output.note(text),
    });
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    client.close();
  }
  return undefined;
}

interface Writing {
  readonly write: (delivery: Delivery<unknown>) => Promise<void>;
  readonly count: number | undefined;
  readonly acknowledges: boolean;
  readonly stopping: AbortSignal;
  readonly note: (text: string) => void;
}

/** Until `count`, the signal or the end of the subscription; then what was acknowledged is stored. */
async function writeDeliveries(
  durable: DurableSubscription<unknown>,
  { write, count = Number.POSITIVE_INFINITY, acknowledges, stopping, note }: Writing,
): Promise<void> {
  const stopped = new Promise<null>((resolve) => stopping.addEventListener('abort', () => resolve(null)));
  const iterator = durable[Symbol.asyncIterator]();
  const unstored = new Set<Promise<void>>();
  for (let written = 0; written < count && !stopping.aborted; written++) {
    const next = await Promise.race([iterator.next(), stopped]);
    if (next === null || next.done) break;
    await write(next.value);
    if (stopping.aborted || !acknowledges) continue;
    const stored = next.value.ack().catch((error: MdsError) => {
      if (error.code !== 'MDS_ACK_NOT_STORED') throw error;
      note(`mds: ${error.message}`);
    });
    unstored.add(stored);
    stored.finally(() => unstored.delete(stored)).catch(() => undefined); // told below
    while (unstored.size >= MAX_UNSTORED) await Promise.race([Promise.race(unstored), stopped]);
  }
  await Promise.all(unstored);
}

function lineOf({ cursor, attempt, data }: Delivery<unknown>, withCursor: boolean): string {
  if (withCursor) return JSON.stringify({ cursor, attempt, data });
  return JSON.stringify(attempt > 1 ? { attempt, data } : data);
}

/** A consumer stands by for a moment until it is known that nobody else is there. */
const STANDBY_NOTE_MS = 2000;

function stateNoter(note: (text: string) => void): (state: DurableState, error: MdsError | null) => void {
  let standingBy: NodeJS.Timeout | undefined;
  return (state, error) => {
    clearTimeout(standingBy);
    if (state === 'standby') {
      const text = 'mds: another consumer is active; this one takes over when it goes.';
      standingBy = setTimeout(() => note(text), STANDBY_NOTE_MS).unref();
    }
    if (state === 'paused') note('mds: the subscription is paused; `mds subscriptions resume` continues it.');
    if (state === 'connecting' && error && error.code !== 'MDS_CONNECTION_LOST') note(`mds: ${error.message}`);
  };
}
