// `mds explain`: how a filter's events are found, how many match, and what that costs, tried on the last real events.

import { Command, InvalidArgumentError } from 'commander';
import {
  DEFAULT_EXPLAIN_EVENTS,
  type FilterExplanation,
  type FilterMeasurement,
  MAX_EXPLAIN_EVENTS,
  type ValidFilter,
} from '../../schemas/api/filter-check.ts';
import { runCommand } from './command-context.ts';
import { fieldList } from './field-list.ts';
import { validOrThrow } from './valid-filter.ts';
import { wrapped } from './wrapped.ts';

const EXAMPLES = `
A stream worker tries the filter on the last events of the topic, which takes about a second. Costs are of one core, with
no other filter; live delivery pays the walking of events once, however many filters there are.

Examples:
  mds explain host.metrics --filter 'host == "web-1" && value > 90.0'
  mds explain host.metrics --filter 'message.contains("timeout")' --events 100000
  mds explain host.metrics --filter "$FILTER" --json | jq .measured.matchRate`;

interface Options {
  readonly filter: string;
  readonly fields?: string[];
  readonly events: number;
}

export function explainCommand(): Command {
  return new Command('explain')
    .description('how the events of a filter are found, how many match, and what it costs')
    .argument('<topic>', 'topic whose schema it must fit')
    .requiredOption('--filter <cel>', 'CEL over the fields of an event')
    .option('--fields <paths>', 'fields to keep, with commas between', fieldList)
    .option('--events <n>', 'try it on so many of the last events', eventCount, DEFAULT_EXPLAIN_EVENTS)
    .addHelpText('after', EXAMPLES)
    .action((topic: string, { filter, fields, events }: Options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const answer = await rest.explainFilter(topic, filter, { events, ...(fields ? { fields } : {}) });
        const verdict = validOrThrow(answer, filter);
        await output.result(verdict, () => describe(verdict, events, output.columns));
        return undefined;
      }),
    );
}

function eventCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1 || count > MAX_EXPLAIN_EVENTS) {
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_EXPLAIN_EVENTS}.`);
  }
  return count;
}

function describe(verdict: ValidFilter, asked: number, width: number): string {
  const { explanation, otherWriters = [], measured, reason } = verdict;
  const lines = [
    'The filter is valid.',
    wrapped('  means    ', verdict.canonical || 'every event', width),
    wrapped('  reads    ', verdict.fieldsRead.join(', ') || 'no field', width),
    `  channel  ${verdict.channel}`,
  ];
  if (explanation) lines.push('', 'How its events are found', ...sentences(explanation, width));
  for (const other of otherWriters) {
    lines.push('', `How those written with schema ${other.schemaIds.join(', ')} are found`, ...sentences(other, width));
  }
  if (measured) lines.push('', ...measurement(measured, asked, width));
  if (reason) lines.push('', wrapped('Not measured: ', `${reason.message} [${reason.code}]`, width));
  return lines.join('\n');
}

const sentences = (explanation: FilterExplanation, width: number): string[] =>
  explanation.sentences.map((sentence) => wrapped('  ', sentence, width));

const ENDED_BY: Readonly<Record<FilterMeasurement['endedBy'], string>> = {
  events: '',
  topic: 'the topic holds no more',
  bytes: 'no more bytes were spent on reading',
  time: 'no more time was spent on it',
};

function measurement(measured: FilterMeasurement, asked: number, width: number): string[] {
  const { events, matched, tested, matchRate, rejectedRecords, endedBy } = measured;
  const costs =
    `${ms(measured.costMsPerMillion)} of one core for a million events, and ` +
    `${ms(measured.outputMsPerMillion)} to write those that match as JSON`;
  const walking =
    `${ms(measured.walkMsPerMillion)} a million, once for all filters; with this filter alone ` +
    `one core does ${millions(measured.eventsPerSecond)} events/s`;
  return [
    'What it does on real events',
    `  matches  ${number(matched)} of the last ${number(events)} events, ${percent(matchRate)}`,
    `  tested   ${number(tested)} times, ${number((tested * 100) / Math.max(1, events))} for 100 events`,
    wrapped('  costs    ', costs, width),
    wrapped('  walking  ', walking, width),
    `  written  ${span(measured)}`,
    ...(events < asked ? [`  fewer    than ${number(asked)} events: ${ENDED_BY[endedBy]}`] : []),
    ...(rejectedRecords > 0 ? [`  besides  ${number(rejectedRecords)} records that cannot be read`] : []),
  ];
}

const number = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 });
const millions = (count: number): string => `${number(count / 1e6)} million`;
const ms = (value: number): string => `${value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 })} ms`;
const percent = (share: number): string =>
  `${(share * 100).toLocaleString('en', { maximumSignificantDigits: share < 0.1 ? 2 : 3 })} %`;

function span({ from, to }: FilterMeasurement): string {
  const seconds = (Date.parse(to) - Date.parse(from)) / 1000;
  const [start, end] = [from, to].map((time) => time.replace('T', ' ').replace(/\.\d+Z$/, ''));
  return `${start} to ${end} UTC, ${number(seconds)} s`;
}
