// `mds connections`: who is connected to the edges, what one of them does, and closing it.

import { Command, InvalidArgumentError } from 'commander';
import type { ConnectionPage, ConnectionQuery } from '../../schemas/api/connection.ts';
import type { ConnectionDetail, ConnectionSummary } from '../../schemas/connection-control.ts';
import { runCommand } from './command-context.ts';
import { wholeNumber } from './numbers.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
Examples:
  mds connections
  mds connections list --topic host.metrics --slow
  mds connections show edge-1-4f2a90/17
  mds connections disconnect edge-1-4f2a90/17
  mds connections disconnect --subject key:4f2a90c1 --for-good`;

const DEFAULT_LIMIT = 50;

interface FilterOptions {
  readonly tenant?: string;
  readonly subject?: string;
  readonly edge?: string;
  readonly topic?: string;
  readonly slow?: true;
}

export function connectionsCommand(): Command {
  const connections = new Command('connections')
    .description('clients of all edges: list, inspect, disconnect')
    .addHelpText('after', EXAMPLES);
  withFilter(connections.command('list', { isDefault: true }))
    .description('connections in order of edges (what `mds connections` alone does)')
    .option('--limit <n>', `how many at most (default: ${DEFAULT_LIMIT})`, wholeNumber)
    .action((options: FilterOptions & { limit?: number }, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const { limit = DEFAULT_LIMIT } = options;
        const page = await rest.connections(searchOf(options), limit);
        await output.result(page, () =>
          page.items.length === 0 ? 'Nobody is connected.' : tableOf(page, output.columns),
        );
        tellMissing(page, (text) => output.note(text));
        if (page.nextPageToken !== null) output.note(`There are more than ${page.items.length}; see --limit.`);
        return undefined;
      }),
    );
  connections
    .command('show <connection>')
    .description('one connection with its subscriptions; its id is edge/number')
    .action((id: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const connection = await rest.connection(connectionId(id));
        await output.result(connection, () => describe(connection, output.columns));
        return undefined;
      }),
    );
  withFilter(connections.command('disconnect [connection]'))
    .description('close one connection, or all that the filters find; clients come back and resume')
    .option('--for-good', 'tell them to stay away')
    .action((id: string | undefined, options: FilterOptions & { forGood?: true }, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const resume = options.forGood !== true;
        const filter = searchOf(options);
        if ((id === undefined) === (Object.keys(filter).length === 0)) {
          command.error('error: name a connection, or give a filter such as --subject, and not both');
        }
        if (id !== undefined) {
          await rest.disconnect(connectionId(id), resume);
          await output.result({ disconnected: 1 }, () => `disconnected ${id}`);
          return undefined;
        }
        const answer = await rest.disconnectAll(filter, resume);
        await output.result(answer, () => `disconnected ${answer.disconnected} clients`);
        tellMissing(answer, (text) => output.note(text));
        return undefined;
      }),
    );
  return connections;
}

const withFilter = (command: Command): Command =>
  command
    .option('--tenant <tenant>', 'of one tenant')
    .option('--subject <subject>', 'of one identity: key:ID, token:ISSUER#SUB')
    .option('--edge <edge>', 'of one edge')
    .option('--topic <topic>', 'that have a subscription on this topic')
    .option('--slow', 'that have not read everything');

function searchOf({ tenant, subject, edge, topic, slow }: FilterOptions): Omit<ConnectionQuery, 'limit' | 'pageToken'> {
  return {
    ...(tenant === undefined ? {} : { tenant }),
    ...(subject === undefined ? {} : { subject }),
    ...(edge === undefined ? {} : { edge }),
    ...(topic === undefined ? {} : { topic }),
    ...(slow === undefined ? {} : { slow }),
  };
}

function connectionId(text: string): string {
  if (!/^[^/]+\/\d+$/.test(text)) throw new InvalidArgumentError(`${text} is no connection; its id is edge/number.`);
  return text;
}

function tellMissing({ missingEdges }: Pick<ConnectionPage, 'missingEdges'>, note: (text: string) => void): void {
  if (missingEdges.length > 0) note(`No answer came from ${missingEdges.join(', ')}: their clients are missing here.`);
}

const right = 'right' as const;
const ms = (latencyMs: number | null): string => (latencyMs === null ? '-' : `${latencyMs.toFixed(1)} ms`);
const ageOf = (sinceMs: number): string => `${Math.max(0, Math.round((Date.now() - sinceMs) / 1000))} s`;

function tableOf({ items }: ConnectionPage, width: number): string {
  const columns = [
    { name: 'CONNECTION', isWhole: true as const },
    { name: 'IDENTITY' },
    { name: 'PEER' },
    { name: 'DOOR' },
    { name: 'AGE', align: right },
    { name: 'SUBS', align: right },
    { name: 'UNREAD', align: right },
    { name: 'EVENTS', align: right },
    { name: 'LATENCY', align: right },
    { name: 'TOPICS' },
  ];
  return formatTable(columns, items.map(rowOf), width);
}

const rowOf = (one: ConnectionSummary): string[] => [
  one.id,
  `${one.tenant} ${one.subject}`,
  one.peer,
  `${one.door} ${one.format}`,
  ageOf(one.openedAtMs),
  String(one.subscriptions),
  String(one.bufferedBytes),
  String(one.deliveredEvents),
  ms(one.latencyMs),
  one.topics.join(' '),
];

function describe(one: ConnectionDetail, width: number): string {
  const behind = one.behindSinceMs === null ? 'has read everything' : `is behind for ${ageOf(one.behindSinceMs)}`;
  const columns = [
    { name: 'SUBSCRIPTION' },
    { name: 'KIND' },
    { name: 'STATE' },
    { name: 'TOPIC' },
    { name: 'EVENTS', align: right },
    { name: 'LEFT OUT', align: right },
    { name: 'IN FLIGHT', align: right },
    { name: 'LATENCY', align: right },
    { name: 'FILTER' },
  ];
  const rows = one.shown.map((view) => [
    view.id,
    view.kind,
    view.state,
    view.topic,
    String(view.deliveredEvents),
    String(view.droppedEvents + view.conflatedEvents),
    String(view.inFlightEvents),
    ms(view.latencyMs),
    view.filter,
  ]);
  return [
    `${one.id}: ${one.subject} of tenant ${one.tenant}, from ${one.peer} by ${one.door} (${one.format})`,
    `since ${new Date(one.openedAtMs).toISOString()}; ${one.sentBytes} bytes sent`,
    `${one.bufferedBytes} bytes unread, ${one.worstBufferedBytes} at worst; it ${behind}`,
    '',
    rows.length === 0 ? 'It has no subscription.' : formatTable(columns, rows, width),
  ].join('\n');
}
