// How a durable subscription delivers: the options that `create` and `change` have in common.

import { type Command, InvalidArgumentError } from 'commander';
import type { SubscriptionChange } from '../../schemas/api/subscription.ts';
import { durationMs } from './duration.ts';
import { wholeNumber } from './numbers.ts';

export interface SettingsOptions {
  readonly ackTimeout?: number;
  readonly backoff?: number;
  readonly backoffMax?: number;
  readonly maxAttempts?: number;
  readonly maxInFlight?: number;
}

/** @param defaults whether the help names what holds when an option is absent */
export function addSettingsOptions(command: Command, defaults: boolean): Command {
  const unlessGiven = (value: string): string => (defaults ? ` (default: ${value})` : '');
  return command
    .option('--ack-timeout <time>', `deliver again what is not acknowledged within it${unlessGiven('30s')}`, time)
    .option(
      '--backoff <time>',
      `wait before the second attempt, doubled for each further one${unlessGiven('1s')}`,
      time,
    )
    .option('--backoff-max <time>', `longest wait before an attempt${unlessGiven('5m')}`, time)
    .option('--max-attempts <n>', `attempts after which an event is a dead letter${unlessGiven('5')}`, wholeNumber)
    .option(
      '--max-in-flight <n>',
      `most events that may be unacknowledged, for each shard${unlessGiven('1000')}`,
      wholeNumber,
    );
}

export const settingsOf = (options: SettingsOptions): SubscriptionChange => ({
  ...(options.ackTimeout === undefined ? {} : { ackTimeoutMs: options.ackTimeout }),
  ...(options.backoff === undefined ? {} : { backoffBaseMs: options.backoff }),
  ...(options.backoffMax === undefined ? {} : { backoffMaxMs: options.backoffMax }),
  ...(options.maxAttempts === undefined ? {} : { maxAttempts: options.maxAttempts }),
  ...(options.maxInFlight === undefined ? {} : { maxInFlight: options.maxInFlight }),
});

function time(text: string): number {
  const ms = durationMs(text);
  if (ms === null) throw new InvalidArgumentError('It must be a time such as 90s, 15m or 12h.');
  return ms;
}
