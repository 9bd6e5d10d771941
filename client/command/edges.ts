// `mds edges`: list edges, show their slow clients, and send the clients of one to the others before it is shut down.

import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import type { EdgeSummary } from '../../schemas/api/status.ts';
import type { SlowClients } from '../../schemas/edge-control.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { RestClient } from '../library/rest.ts';
import { runCommand } from './command-context.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
Examples:
  mds edges
  mds edges slow
  mds edges slow edge-1-4f2a90
  mds edges evacuate edge-1-4f2a90 --rate 200 --wait
  mds edges evacuate edge-1-4f2a90 --cancel`;

const POLL_MS = 500;

export function edgesCommand(): Command {
  const edges = new Command('edges')
    .description('list edges, their slow clients, and send the clients of one to the others')
    .addHelpText('after', EXAMPLES);
  edges
    .command('list', { isDefault: true })
    .description('all edges that run (what `mds edges` alone does)')
    .action((_options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const found = await rest.edges();
        await output.result(found, () => (found.length === 0 ? 'No edge runs.' : tableOf(found, output.columns)));
        return undefined;
      }),
    );
  edges
    .command('slow [edge]')
    .description('clients that do not keep up, the slowest first; of all edges, or of one')
    .action((edge: string | undefined, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const ids = edge === undefined ? (await rest.edges()).map(({ edgeId }) => edgeId) : [edge];
        const lists = await Promise.all(ids.map((id) => rest.slowClients(id)));
        await output.result(lists, () => describeSlow(lists, output.columns));
        return undefined;
      }),
    );
  edges.addCommand(evacuateCommand());
  return edges;
}

interface EvacuateOptions {
  readonly rate?: number;
  readonly force?: boolean;
  readonly wait?: boolean;
  readonly cancel?: boolean;
}

const evacuateCommand = (): Command =>
  new Command('evacuate')
    .argument('<edge>', 'id of the edge')
    .description('send the clients of an edge to the others, so many a second; it takes no new ones from then on')
    .option('--rate <clients>', 'clients a second (default: 100)', rateOf)
    .option('--force', 'also when no other edge runs that could take them')
    .option('--wait', 'until the edge is empty')
    .option('--cancel', 'call it off: clients that are left stay, new ones may come')
    .action((edge: string, options: EvacuateOptions, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        if (options.cancel) {
          const answer = await rest.callOffEvacuation(edge);
          await output.result(answer, () => `${edge} takes clients again`);
          return undefined;
        }
        const begun = await rest.evacuate(edge, {
          ...(options.rate === undefined ? {} : { clientsPerSecond: options.rate }),
          ...(options.force ? { force: true } : {}),
        });
        if (options.wait) await isEmpty(rest, edge);
        await output.result(begun, () =>
          options.wait
            ? `${edge} is empty; ${begun.connections} clients went to ${edgesText(begun.otherEdges)}`
            : `${edge} sends ${begun.connections} clients to ${edgesText(begun.otherEdges)}, ${begun.clientsPerSecond} a second; see mds edges`,
        );
        return undefined;
      }),
    );

/** @throws MdsError when the edge is gone, or somebody called it off */
async function isEmpty(rest: RestClient, edgeId: string): Promise<void> {
  for (let hasBegun = false; ; ) {
    const edge = (await rest.edges()).find((one) => one.edgeId === edgeId);
    if (!edge) throw new MdsError('MDS_EDGE_UNKNOWN', { edge: edgeId, hint: ' any more' });
    if (edge.evacuation !== undefined) {
      hasBegun = true;
      if (edge.connections === 0) return;
    } else if (hasBegun) {
      throw new MdsError('MDS_EVACUATION_CALLED_OFF', { edge: edgeId });
    }
    await delay(POLL_MS);
  }
}

function rateOf(text: string): number {
  const rate = Number(text);
  if (!Number.isFinite(rate) || rate <= 0) throw new InvalidArgumentError('It must be a number above 0.');
  return rate;
}

const edgesText = (count: number): string => (count === 1 ? '1 other edge' : `${count} other edges`);
const right = 'right' as const;

function tableOf(edges: readonly EdgeSummary[], width: number): string {
  const columns = [{ name: 'EDGE' }, { name: 'STATE' }, { name: 'CLIENTS', align: right }, { name: 'URL' }];
  const rows = edges.map((edge) => [edge.edgeId, stateOf(edge), String(edge.connections), edge.clientUrl]);
  return formatTable(columns, rows, width);
}

function stateOf({ state, evacuation }: EdgeSummary): string {
  if (evacuation === undefined) return state;
  const { movedClients, clientsPerSecond, isWaiting } = evacuation;
  return `${state}, ${movedClients} moved${isWaiting ? ', waits for another edge' : ` at ${clientsPerSecond}/s`}`;
}

function describeSlow(lists: readonly SlowClients[], width: number): string {
  const rows = lists.flatMap(({ items, atMs }) =>
    items.map((client) => [
      client.connection,
      client.tenant,
      client.peer,
      String(client.bufferedBytes),
      String(client.worstBufferedBytes),
      client.behindSinceMs === null ? '-' : `${Math.max(0, Math.round((atMs - client.behindSinceMs) / 1000))} s`,
      String(client.droppedEvents),
      String(client.conflatedEvents),
      client.closedAtMs === null ? '-' : 'closed',
      String(client.closedAsSlow),
    ]),
  );
  if (rows.length === 0) return 'All clients keep up.';
  const columns = [
    { name: 'CONNECTION' },
    { name: 'TENANT' },
    { name: 'PEER' },
    { name: 'UNREAD', align: right },
    { name: 'WORST', align: right },
    { name: 'BEHIND', align: right },
    { name: 'DROPPED', align: right },
    { name: 'CONFLATED', align: right },
    { name: 'STATE' },
    { name: 'CLOSED BEFORE', align: right },
  ];
  return formatTable(columns, rows, width);
}
