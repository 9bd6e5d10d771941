// `mds topics`: list, show, create and delete topics; topic-control.ts and topic-schema.ts have the rest.

import { Command, Option } from 'commander';
import type { Topic } from '../../schemas/api/topic.ts';
import { fieldsOf } from '../library/schema-fields.ts';
import { runCommand } from './command-context.ts';
import { formatDuration } from './duration.ts';
import { wholeNumber } from './numbers.ts';
import { formatTable } from './table.ts';
import { changeTopicCommand, describeTopicCommand, retention } from './topic-control.ts';
import { readSchema, topicSchemaCommand } from './topic-schema.ts';

const EXAMPLES = `
Examples:
  mds topics
  mds topics show host.metrics
  mds topics create my.events --partitions 16 --retention 7d
  mds topics create orders --schema Order.avsc
  mds topics change my.events --partitions 32 --retention 14d
  mds topics describe my.events
  mds topics schema check orders Order.avsc
  mds topics delete my.events --yes`;

export function topicsCommand(): Command {
  const topics = new Command('topics')
    .description('list, show, create, change, describe and delete topics; versions of their schemas')
    .addHelpText('after', EXAMPLES);
  topics
    .command('list', { isDefault: true })
    .description('all topics (what `mds topics` alone does)')
    .action((_options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const found = await rest.topics();
        await output.result(found, () =>
          found.length === 0 ? 'There are no topics yet.' : tableOf(found, output.columns),
        );
        return undefined;
      }),
    );
  topics
    .command('show <name>')
    .description('one topic with the fields of its events, as filters name them')
    .action((name: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const topic = await rest.topic(name);
        await output.result(topic, () => describe(topic, output.columns));
        return undefined;
      }),
    );
  topics
    .command('create <name>')
    .description('create a topic: its Kafka topic and its schema')
    .option('--partitions <n>', 'partitions of the Kafka topic (default: 8)', wholeNumber)
    .option('--retention <time>', 'how long events are kept: 90s, 15m, 12h, 7d (default: 1d)', retention)
    .addOption(new Option('--cleanup-policy <policy>', 'how old events go').choices(['delete', 'compact']))
    .option('--schema <file>', 'Avro schema (.avsc) of one event (default: MonitoringEvent)')
    .action((name: string, options: CreateOptions, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const { partitions, retention: retentionMs, cleanupPolicy } = options;
        const topic = await rest.createTopic({
          name,
          ...(partitions === undefined ? {} : { partitions }),
          ...(retentionMs === undefined ? {} : { retentionMs }),
          ...(cleanupPolicy === undefined ? {} : { cleanupPolicy }),
          ...(options.schema === undefined ? {} : { schema: await readSchema(options.schema) }),
        });
        await output.result(topic, () => `created ${topic.name} with ${topic.partitions} partitions`);
        return undefined;
      }),
    );
  topics.addCommand(changeTopicCommand());
  topics.addCommand(describeTopicCommand());
  topics.addCommand(topicSchemaCommand());
  topics
    .command('delete <name>')
    .description('delete a topic and every event in it')
    .requiredOption('--yes', 'required: there is no way back')
    .action((name: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        await rest.deleteTopic(name);
        await output.result({ deleted: name }, () => `deleted ${name}`);
        return undefined;
      }),
    );
  return topics;
}

interface CreateOptions {
  readonly partitions?: number;
  readonly retention?: number;
  readonly cleanupPolicy?: 'delete' | 'compact';
  readonly schema?: string;
}

function tableOf(topics: readonly Topic[], width: number): string {
  const columns = [
    { name: 'TOPIC' },
    { name: 'PARTITIONS', align: 'right' } as const,
    { name: 'KEPT' },
    { name: 'SCHEMA' },
  ];
  const rows = topics.map(({ name, partitions, retentionMs, cleanupPolicy, schema }) => [
    name,
    String(partitions),
    cleanupPolicy === 'compact' ? 'latest of each key' : formatDuration(retentionMs),
    String(schema.name ?? ''),
  ]);
  return formatTable(columns, rows, width);
}

function describe(topic: Topic, width: number): string {
  const fields = fieldsOf(topic.schema).map(({ path, type, doc }) => [path, type, doc]);
  return [
    `${topic.name}: ${topic.partitions} partitions, kept for ${formatDuration(topic.retentionMs)}`,
    `Kafka topic ${topic.kafkaTopic}, schema ids ${topic.schemaId} (event) and ${topic.batchSchemaId} (batch)`,
    '',
    formatTable([{ name: 'FIELD' }, { name: 'TYPE' }, { name: 'ABOUT' }], fields, width),
  ].join('\n');
}
