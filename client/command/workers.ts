// `mds workers`: stream workers, what one of them owns, and emptying it of partitions before it is taken away.

import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import type { Worker, WorkerDetail } from '../../schemas/api/worker.ts';
import { runCommand } from './command-context.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
Examples:
  mds workers
  mds workers show worker-1
  mds workers drain worker-1       cordon it, and wait until it owns nothing
  mds workers uncordon worker-1`;

const POLL_MS = 500;

export function workersCommand(): Command {
  const workers = new Command('workers')
    .description('stream workers: list, inspect, and keep partitions away from one')
    .addHelpText('after', EXAMPLES);
  workers
    .command('list', { isDefault: true })
    .description('all workers that run (what `mds workers` alone does)')
    .action((_options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const found = await rest.workers();
        await output.result(found, () =>
          found.length === 0 ? 'No stream worker runs.' : tableOf(found, output.columns),
        );
        return undefined;
      }),
    );
  workers
    .command('show <worker>')
    .description('one worker with its partitions, the one that lags most first')
    .action((id: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const worker = await rest.worker(id);
        await output.result(worker, () => describe(worker, output.columns));
        return undefined;
      }),
    );
  workers
    .command('cordon <worker>')
    .description('have it hand over its partitions, and give it no others')
    .option('--force', 'also when no other worker runs; then it keeps them until one does')
    .action((id: string, options: { force?: true }, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const worker = await rest.cordonWorker(id, options.force === true);
        await output.result(worker, () => `${id} hands over ${worker.partitions.length} partitions and gets no others`);
        return undefined;
      }),
    );
  workers
    .command('drain <worker>')
    .description('cordon it, and wait until it owns nothing')
    .action((id: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        let worker = await rest.cordonWorker(id, false);
        const { length: count } = worker.partitions;
        while (worker.partitions.length > 0) {
          await delay(POLL_MS);
          worker = await rest.worker(id);
        }
        await output.result(worker, () => `${id} owns nothing any more; ${count} partitions went to others`);
        return undefined;
      }),
    );
  workers
    .command('uncordon <worker>')
    .description('let it have partitions again')
    .action((id: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const worker = await rest.uncordonWorker(id);
        await output.result(worker, () => `${id} gets partitions again`);
        return undefined;
      }),
    );
  return workers;
}

const right = 'right' as const;
const stateOf = ({ state, isCordoned }: Worker): string => (isCordoned === true ? `${state}, cordoned` : state);
const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`;

function tableOf(workers: readonly Worker[], width: number): string {
  const columns = [
    { name: 'WORKER', isWhole: true as const },
    { name: 'STATE' },
    { name: 'PARTITIONS', align: right },
    { name: 'LAG', align: right },
    { name: 'BUSY', align: right },
    { name: 'EVENTS/S', align: right },
  ];
  const rows = workers.map((worker) => [
    worker.workerId,
    stateOf(worker),
    String(worker.owned.length),
    String(worker.owned.reduce((sum, { lagRecords }) => sum + lagRecords, 0)),
    percent(worker.kernelBusyRatio),
    String(Math.round(worker.eventsInPerSecond)),
  ]);
  return formatTable(columns, rows, width);
}

function describe(worker: WorkerDetail, width: number): string {
  const { workerId, host, pid, kernelBusyRatio, assignmentRevision, lagRecords, notReady = [] } = worker;
  const columns = [
    { name: 'TOPIC' },
    { name: 'PARTITION', align: right },
    { name: 'EPOCH', align: right },
    { name: 'NEXT', align: right },
    { name: 'LAG', align: right },
  ];
  const rows = worker.partitions.map(({ topic, topicId, partition, epoch, nextOffset, lagRecords: lag }) => [
    topic === '' ? `#${topicId}` : topic,
    ...[partition, epoch, nextOffset, lag].map(String),
  ]);
  return [
    `${workerId} on ${host} (pid ${pid}): ${stateOf(worker)}, ${percent(kernelBusyRatio)} busy, assignment ${assignmentRevision}`,
    ...notReady.map((reason) => `! not ready: ${reason}`),
    `${worker.partitions.length} partitions, ${lagRecords} records behind`,
    '',
    rows.length === 0 ? 'It owns nothing.' : formatTable(columns, rows, width),
  ].join('\n');
}
