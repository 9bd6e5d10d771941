// Which dead letters: the options that list, redrive and purge have in common.

import { type Command, InvalidArgumentError } from 'commander';
import type { DeadLetterFilter } from '../../schemas/api/dead-letter.ts';
import { pointInTime } from './start-position.ts';

export interface FilterOptions {
  readonly subscription?: string;
  readonly topic?: string;
  readonly reason?: string;
  readonly key?: string;
  readonly from?: string;
  readonly to?: string;
}

export const addFilterOptions = (command: Command): Command =>
  command
    .option('--subscription <name>', 'of this durable subscription, by name or id')
    .option('--topic <topic>', 'of events of this topic')
    .option('--reason <code>', 'with this code, such as MDS_EVENT_REFUSED')
    .option('--key <key>', 'of records with this key')
    .option('--from <time>', 'given up then or later: a time, or a time ago such as 2h', time)
    .option('--to <time>', 'given up before: a time, or a time ago', time);

export function filterOf({ subscription, topic, reason, key, from, to }: FilterOptions): DeadLetterFilter {
  const given = Object.entries({ subscription, topic, reason, key, from, to });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

export function time(text: string): string {
  const found = pointInTime(text);
  if (Number.isNaN(Date.parse(found)))
    throw new InvalidArgumentError('It must be a time such as 2026-01-31T12:00:00Z, or a time ago such as 2h.');
  return found;
}
