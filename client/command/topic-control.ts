// `mds topics change` and `mds topics describe`: what can be done with a topic that exists.

import { Command, InvalidArgumentError } from 'commander';
import type { TopicDescription } from '../../schemas/api/topic-management.ts';
import { runCommand } from './command-context.ts';
import { durationMs, formatDuration } from './duration.ts';
import { wholeNumber } from './numbers.ts';
import { formatTable } from './table.ts';

export const changeTopicCommand = (): Command =>
  new Command('change')
    .argument('<name>')
    .description('more partitions, or another retention')
    .option('--partitions <n>', 'only more than now; keys may move to other partitions', wholeNumber)
    .option('--retention <time>', 'how long events are kept: 90s, 15m, 12h, 7d', retention)
    .action((name: string, options: { partitions?: number; retention?: number }, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const { partitions, retention: retentionMs } = options;
        if (partitions === undefined && retentionMs === undefined) {
          command.error('error: say what to change: --partitions or --retention');
        }
        const topic = await rest.changeTopic(name, {
          ...(partitions === undefined ? {} : { partitions }),
          ...(retentionMs === undefined ? {} : { retentionMs }),
        });
        const kept = formatDuration(topic.retentionMs);
        await output.result(topic, () => `${topic.name} has ${topic.partitions} partitions, kept for ${kept}`);
        return undefined;
      }),
    );

export const describeTopicCommand = (): Command =>
  new Command('describe')
    .argument('<name>')
    .description('what a topic holds: offsets and bytes of each partition, retention in Kafka, schema versions')
    .action((name: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const description = await rest.describeTopic(name);
        await output.result(description, () => describe(description, output.columns));
        return undefined;
      }),
    );

export function retention(text: string): number {
  const ms = durationMs(text);
  if (ms === null) throw new InvalidArgumentError('It must be a time such as 90s, 15m, 12h or 7d.');
  return ms;
}

const right = 'right' as const;
const bytes = (count: number | null): string => (count === null ? '?' : String(count));

function describe(description: TopicDescription, width: number): string {
  const { topic, partitions, records, sizeBytes, inKafka, versions, problems } = description;
  const columns = [
    { name: 'PARTITION', align: right },
    { name: 'FIRST', align: right },
    { name: 'NEXT', align: right },
    { name: 'RECORDS', align: right },
    { name: 'BYTES', align: right },
  ];
  const rows = partitions.map(({ partition, lowOffset, highOffset, sizeBytes: size }) => [
    ...[partition, lowOffset, highOffset, highOffset - lowOffset].map(String),
    bytes(size),
  ]);
  const kept = inKafka.retentionMs === null ? '?' : formatDuration(inKafka.retentionMs);
  return [
    `${topic.name}: ${records} records, ${bytes(sizeBytes)} bytes; Kafka keeps them for ${kept} (${inKafka.cleanupPolicy ?? '?'})`,
    `schema versions: ${versions.map(({ version, isCurrent }) => `${version}${isCurrent ? ' (current)' : ''}`).join(', ')}`,
    ...problems.map((problem) => `! ${problem}`),
    '',
    formatTable(columns, rows, width),
  ].join('\n');
}
