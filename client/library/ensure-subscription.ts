// A durable subscription that is there afterwards, whoever created it: a program need not know whether it runs for the first
// time.

import type { NewSubscription, Subscription } from '../../schemas/api/subscription.ts';
import { MdsError } from '../../schemas/errors.ts';
import { RestClient } from './rest.ts';
import type { Fetch } from './runtime.ts';

/**
 * @param api base URL of the control plane
 * @throws MdsError `MDS_REQUEST_INVALID` without `api`, or when one of that name has other events
 */
export async function ensureSubscription(
  api: string | undefined,
  fetch: Fetch,
  wanted: NewSubscription,
): Promise<Subscription> {
  if (api === undefined) {
    throw new MdsError('MDS_REQUEST_INVALID', { problems: ['durable subscriptions are created at an api'] });
  }
  const rest = new RestClient(api, fetch);
  try {
    return await rest.createSubscription(wanted);
  } catch (error) {
    if (!(error instanceof MdsError) || error.code !== 'MDS_ALREADY_EXISTS') throw error;
  }
  const found = await rest.subscription(wanted.name);
  const problems = differences(wanted, found);
  if (problems.length > 0) throw new MdsError('MDS_REQUEST_INVALID', { problems });
  return found;
}

/** Of what decides which events it has, and who gets them. */
function differences(wanted: NewSubscription, found: Subscription): string[] {
  const pairs = {
    topic: [wanted.topic, found.topic],
    filter: [wanted.filter ?? '', found.filter],
    fields: [wanted.fields ?? null, found.fields],
    group: [groupText(wanted.group ?? null), groupText(found.group)],
  };
  return Object.entries(pairs).flatMap(([name, [asked, is]]) =>
    JSON.stringify(asked) === JSON.stringify(is)
      ? []
      : [
          `the subscription ${wanted.name} exists with ${name} ${JSON.stringify(is)} instead of ${JSON.stringify(asked)}`,
        ],
  );
}

const groupText = (group: Subscription['group']): string | null =>
  group && `${group.shards} shards by ${group.key.join(', ')}`;
