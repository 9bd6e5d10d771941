// `mds status`: processes, who owns what, lag and rates.

import { Command } from 'commander';
import type { Reliability, ServiceStatus } from '../../schemas/api/status.ts';
import { runCommand } from './command-context.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
Examples:
  mds status
  mds status --json | jq .totals`;

export function statusCommand(): Command {
  return new Command('status')
    .description('processes, partitions with their owners and lag, rates')
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const status = await rest.status();
        await output.result(status, () => describe(status, output.columns));
        return undefined;
      }),
    );
}

const right = 'right' as const;
const rate = (perSecond: number): string =>
  perSecond.toLocaleString('en', { maximumFractionDigits: perSecond < 10 ? 1 : 0 });
const ms = (value: number | null): string => (value === null ? '-' : `${value.toFixed(value < 10 ? 1 : 0)} ms`);

function describe(status: ServiceStatus, width: number): string {
  const { totals, leader, problems } = status;
  const parts = [
    `${rate(totals.eventsInPerSecond)} events/s in, ${rate(totals.deliveriesPerSecond)} deliveries/s out, ` +
      `latency p50 ${ms(totals.latencyP50Ms)} p99 ${ms(totals.latencyP99Ms)}`,
    `${totals.connections} connections, ${totals.subscriptions} subscriptions, ${totals.lagRecords} records behind`,
    reliabilityLine(status.reliability),
    `version ${status.version}, leader ${leader.id ?? 'none'}`,
    ...problems.map((problem) => `! ${problem}`),
    '',
    workersTable(status, width),
    '',
    edgesTable(status, width),
  ];
  if (status.topics.length > 0) parts.push('', partitionsTable(status, width));
  return parts.join('\n');
}

function reliabilityLine({
  ranges,
  exactRanges,
  expectedEvents,
  deliveryRatio,
  windowMinutes,
  target,
}: Reliability): string {
  if (ranges === 0) return `audit: nothing judged in the last ${windowMinutes} min`;
  const percent = (share: number): string => `${(share * 100).toFixed(share === 1 ? 0 : 4)} %`;
  const ratio =
    deliveryRatio === null ? 'no event matched' : `${percent(deliveryRatio)} of ${expectedEvents} delivered`;
  return `audit: ${ratio} (target ${percent(target)}), ${exactRanges} of ${ranges} ranges exact, last ${windowMinutes} min`;
}

function workersTable({ workers }: ServiceStatus, width: number): string {
  if (workers.length === 0) return 'No stream worker runs.';
  const columns = [
    { name: 'STREAM WORKER' },
    { name: 'STATE' },
    { name: 'PARTITIONS', align: right },
    { name: 'EVENTS/S', align: right },
    { name: 'REJECTED', align: right },
    { name: 'KERNEL', align: right },
  ];
  const rows = workers.map((worker) => [
    worker.workerId,
    worker.state,
    String(worker.owned.length),
    rate(worker.eventsInPerSecond),
    String(worker.rejectedRecords),
    `${Math.round(worker.kernelBusyRatio * 100)} %`,
  ]);
  return formatTable(columns, rows, width);
}

function edgesTable({ edges }: ServiceStatus, width: number): string {
  if (edges.length === 0) return 'No edge runs.';
  const columns = [
    { name: 'EDGE' },
    { name: 'STATE' },
    { name: 'CLIENTS', align: right },
    { name: 'CHANNELS', align: right },
    { name: 'DELIVERIES/S', align: right },
    { name: 'P99', align: right },
  ];
  const rows = edges.map((edge) => [
    edge.edgeId,
    edge.state,
    String(edge.connections),
    String(edge.channels),
    rate(edge.deliveriesPerSecond),
    ms(edge.latencyP99Ms),
  ]);
  return formatTable(columns, rows, width);
}

function partitionsTable({ topics }: ServiceStatus, width: number): string {
  const columns = [
    { name: 'TOPIC' },
    { name: 'PARTITION', align: right },
    { name: 'OWNER' },
    { name: 'EPOCH', align: right },
    { name: 'NEXT', align: right },
    { name: 'LAG', align: right },
  ];
  const rows = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partition, workerId, epoch, nextOffset, lagRecords }) => [
      name,
      String(partition),
      workerId ?? 'nobody',
      String(epoch),
      String(nextOffset ?? '-'),
      String(lagRecords ?? '-'),
    ]),
  );
  return formatTable(columns, rows, width);
}
