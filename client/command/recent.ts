// `mds recent`: events that Kafka holds, newest first, a JSON object a line.

import { Command } from 'commander';
import type { RecentAnswer, RecentQuery } from '../../schemas/api/data.ts';
import { runCommand } from './command-context.ts';
import { dataClient, queryOption } from './data-client.ts';
import { wholeNumber } from './numbers.ts';

const EXAMPLES = `
Times are those at which Kafka got the records. Ends when --limit events are found or everything was looked at; with --json
each event stands with its place.

Examples:
  mds recent host.metrics --limit 20
  mds recent host.metrics --filter 'severity >= WARNING' --from -1h --oldest-first | jq .message`;

interface Options {
  readonly filter?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit: number;
  readonly oldestFirst?: boolean;
  readonly query?: string;
}

const DEFAULT_LIMIT = 20;
/** Of one answer. */
const MAX_PAGE = 1000;

export function recentCommand(): Command {
  return new Command('recent')
    .description('events of a topic that were there before, newest first')
    .argument('<topic>', 'topic to read')
    .option('--filter <cel>', 'CEL over the fields of an event')
    .option('--from <time>', 'RFC 3339, or how long ago: -15m')
    .option('--to <time>', 'the same')
    .option('--limit <n>', 'so many events at most', wholeNumber, DEFAULT_LIMIT)
    .option('--oldest-first', 'in the order in which they came')
    .addOption(queryOption())
    .addHelpText('after', EXAMPLES)
    .action((topic: string, { query, limit, oldestFirst, ...wish }: Options, command: Command) =>
      runCommand(command, async ({ output, fetch }) => {
        const data = dataClient(query, fetch);
        const order: RecentQuery['order'] = oldestFirst ? 'oldest' : 'newest';
        let left = limit;
        let cursor: string | null = null;
        do {
          const page = { ...wish, order, limit: Math.min(left, MAX_PAGE), ...(cursor === null ? {} : { cursor }) };
          const answer: RecentAnswer = await data.recent(topic, page);
          for (const one of answer.events) await output.line(JSON.stringify(output.json ? one : one.event));
          left -= answer.events.length;
          cursor = answer.cursor;
        } while (cursor !== null && left > 0 && !output.closed.aborted);
        return undefined;
      }),
    );
}
