// `mds audit`: who did what to which resource.

import { Command, Option } from 'commander';
import type { AuditEntry, AuditFilter } from '../../schemas/api/audit.ts';
import { runCommand } from './command-context.ts';
import { time } from './dlq-filter.ts';
import { wholeNumber } from './numbers.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
Every action on topics, subscriptions, routes, dead letters, keys and processes is in the audit log, also what was refused.
For admins of the tenant; operators see other tenants' logs too.

Examples:
  mds audit                                          the last 50 actions
  mds audit --kind topic --action delete --from 7d   topics that were deleted within a week
  mds audit --subject key:k3f9 --outcome refused     what a key tried and may not
  mds audit --ndjson --from 30d > audit.ndjson       all of a month, one entry a line`;

const DEFAULT_LIMIT = 50;

interface AuditOptions {
  readonly tenant?: string;
  readonly subject?: string;
  readonly action?: string;
  readonly kind?: string;
  readonly id?: string;
  readonly outcome?: AuditEntry['outcome'];
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
  readonly ndjson?: true;
}

export function auditCommand(): Command {
  return new Command('audit')
    .description('the audit log: who did what, newest first')
    .option('--subject <subject>', 'by this key or token: key:ID, token:ISSUER#SUBJECT')
    .option('--action <action>', 'create, change, delete, pause, …')
    .option('--kind <kind>', 'topic, subscription, route, dead letter, edge, …')
    .option('--id <id>', 'about the resource with this id or name')
    .addOption(new Option('--outcome <outcome>', 'with this outcome').choices(['done', 'refused', 'failed']))
    .option('--from <time>', 'then or later: a time, or a time ago such as 2h', time)
    .option('--to <time>', 'before: a time, or a time ago', time)
    .option('--tenant <tenant>', "another tenant's log; operators only")
    .option('--limit <n>', `at most so many (default: ${DEFAULT_LIMIT}; with --ndjson all)`, wholeNumber)
    .option('--ndjson', 'each entry as JSON in a line of its own')
    .addHelpText('after', EXAMPLES)
    .action((options: AuditOptions, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const { limit, ndjson, ...filter } = options;
        if (ndjson) {
          for await (const entry of rest.auditEntries(filter, limit)) await output.line(JSON.stringify(entry));
          return undefined;
        }
        const entries = await collected(rest.auditEntries(filter satisfies AuditFilter, limit ?? DEFAULT_LIMIT));
        await output.result(entries, () =>
          entries.length === 0 ? 'There are no such entries.' : tableOf(entries, output.columns),
        );
        return undefined;
      }),
    );
}

async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function tableOf(entries: readonly AuditEntry[], width: number): string {
  const columns = [
    { name: 'AT', isWhole: true } as const,
    { name: 'WHO' },
    { name: 'ACTION' },
    { name: 'KIND' },
    { name: 'ID' },
    { name: 'OUTCOME' },
    { name: 'FROM' },
  ];
  const rows = entries.map(({ at, subject, action, kind, id, outcome, code, address }) => [
    at.replace(/\.\d+Z$/, 'Z'),
    subject,
    action,
    kind,
    id ?? '-',
    code === null ? outcome : `${outcome} ${code}`,
    address,
  ]);
  return formatTable(columns, rows, width);
}
