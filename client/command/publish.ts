// `mds publish`: events from stdin, one JSON object a line, into a topic's Kafka topic as Avro batch records.

import { Command, Option } from 'commander';
import { MdsError } from '../../schemas/errors.ts';
import { type CommandContext, runCommand } from './command-context.ts';
import { DoorSender, type RecordSender } from './door-sender.ts';
import { EventReader } from './event-reader.ts';
import { EXIT_CODES, EXIT_CODES_HELP, type ExitCode } from './exit-codes.ts';
import { readLines } from './lines.ts';
import { type PublishedCounts, RecordWriter } from './record-writer.ts';

const EXAMPLES = `
Each line is one event as JSON. Fields that are missing get the schema's default; timestamps are a number in the schema's
unit or ISO 8601 ("2026-01-31T12:00:00Z"). With --fill, a missing string field "id" becomes a random UUID and a missing
timestamp field the present time.
Several events travel in one Kafka record, in the order of their lines; those with equal --key in one partition.
Without --door they are written to Kafka itself, which knows nothing of API keys.

Examples:
  mds publish my.events < events.ndjson
  echo '{"service":"shop","host":"web-1","kind":"LOG","name":"started"}' | mds publish my.events --fill
  tail -f app.ndjson | mds publish my.events --key host --skip-invalid
  mds publish my.events --door http://127.0.0.1:9436 < events.ndjson
  mds publish my.events --dry-run < events.ndjson      only check
${EXIT_CODES_HELP}`;

/** A reader of stderr learns nothing from the thousandth complaint. */
const SHOWN_PROBLEMS = 20;

interface PublishFlags {
  readonly key?: string;
  readonly fill?: boolean;
  readonly skipInvalid?: boolean;
  readonly dryRun?: boolean;
  readonly brokers?: string;
  readonly door?: string;
}

export function publishCommand(): Command {
  return new Command('publish')
    .description('publish events from stdin, one JSON object a line')
    .argument('<topic>', 'topic to publish to')
    .addOption(
      new Option('--key <field>', 'keep events with equal values of this field in one partition, in order').conflicts(
        'door',
      ),
    )
    .option('--fill', 'fill in missing ids and timestamps')
    .option('--skip-invalid', 'report lines that are not valid and go on (exit code 1 at the end)')
    .option('--dry-run', 'check every line, publish nothing')
    .option('--brokers <list>', 'Kafka brokers (default: $MDS_KAFKA_BROKERS, else 127.0.0.1:9401)')
    .option(
      '--door <url>',
      'through this ingest door, with a key that may publish; it keeps the events of a host in order',
    )
    .addHelpText('after', EXAMPLES)
    .action((topic: string, flags: PublishFlags, command: Command) =>
      runCommand(command, (context) => publish(context, topic, flags)),
    );
}

async function publish(context: CommandContext, name: string, flags: PublishFlags): Promise<ExitCode> {
  const { rest, output } = context;
  const topic = await rest.topic(name);
  const reader = new EventReader(topic.schema, flags.fill === true, flags.key);
  const producer = flags.dryRun ? null : await senderFor(context, name, flags);
  const writer = new RecordWriter(topic, producer);
  const startedMs = performance.now();
  let invalidLines = 0;
  let failure: MdsError | null = null;
  const stop = (): void => void process.stdin.destroy();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    for await (const lines of readLines(process.stdin)) {
      for (const line of lines) {
        try {
          const event = reader.read(line.text, line.number);
          if (event) await writer.add(event);
        } catch (error) {
          if (!(error instanceof MdsError) || error.code !== 'MDS_EVENT_INVALID') throw error;
          invalidLines += 1;
          if (invalidLines <= SHOWN_PROBLEMS) output.error(error);
          if (!flags.skipInvalid && !flags.dryRun) failure = error;
        }
        if (failure) break;
      }
      if (failure) break;
      await writer.flush();
    }
    await writer.close();
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await producer?.disconnect();
  }
  process.stdin.destroy();
  await report(context, writer.counts, invalidLines, (performance.now() - startedMs) / 1000, flags.dryRun === true);
  return invalidLines > 0 ? EXIT_CODES.FAILURE : EXIT_CODES.OK;
}

async function report(
  { output }: CommandContext,
  { events, records, bytes }: PublishedCounts,
  invalidLines: number,
  seconds: number,
  dryRun: boolean,
): Promise<void> {
  const eventsPerSecond = Math.round(events / Math.max(seconds, 0.001));
  const result = { events, records, bytes, invalidLines, seconds: Number(seconds.toFixed(3)), eventsPerSecond, dryRun };
  await output.result(result, () => {
    const number = (value: number): string => value.toLocaleString('en');
    const bad = invalidLines > 0 ? `, ${number(invalidLines)} lines not valid` : '';
    if (dryRun) return `${number(events)} events are valid${bad}; nothing was published`;
    const rate = `${seconds.toFixed(2)} s (${number(eventsPerSecond)} events/s)`;
    return `published ${number(events)} events in ${number(records)} records in ${rate}${bad}`;
  });
}

function senderFor({ config, fetch }: CommandContext, topic: string, flags: PublishFlags): Promise<RecordSender> {
  if (flags.door !== undefined) return Promise.resolve(new DoorSender(flags.door, topic, fetch));
  return connectProducer(flags.brokers ?? config.kafkaBrokers);
}

/** 5 s: a broker that is there answers in milliseconds, and a person waits. */
const CONNECT_TIMEOUT_MS = 5000;

/** Kafka's native client is loaded only here: no other command waits for it or needs it. */
async function connectProducer(brokers: string): Promise<RecordSender> {
  const [{ createProducer }, { createLogger }] = await Promise.all([
    import('../../platform/kafka.ts'),
    import('../../platform/log.ts'),
  ]);
  const log = createLogger('mds', 'silent');
  return createProducer({ brokers, name: 'publish', log, connectTimeoutMs: CONNECT_TIMEOUT_MS });
}
