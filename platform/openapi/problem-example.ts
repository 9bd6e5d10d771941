// What a problem of each code looks like: the answer itself, with likely details put into its sentence.

import type { Problem } from '../../schemas/api/problem.ts';
import { ERROR_KINDS, MdsError, type MdsErrorCode } from '../../schemas/errors.ts';
import { problemOf, requestInvalid } from '../problem-details.ts';

/** By the placeholder's name; what is not here stands for itself. */
const DETAILS: Readonly<Record<string, unknown>> = {
  action: 'manage',
  attempts: 5,
  at: 'body/name',
  bytes: 5_000_000,
  consumer: 'billing-1',
  cost: 12_000,
  count: 3,
  dependency: 'Postgres',
  edge: 'edge-1',
  feature: 'timestamp.getHours()',
  field: 'hots',
  found: 'int',
  hint: ' (did you mean host?)',
  holder: '',
  id: 'orders',
  key: '7f1c0b52',
  length: 5000,
  limit: 100,
  limitBytes: 4_194_304,
  method: 'GET',
  operation: 'Creating the topic',
  partitions: [0, 1],
  path: '/v1/topics',
  reason: 'connection refused',
  reference: '3f0c1d1e-6f0a-4d57-9f0b-6a8a3a0c2b11',
  schemaId: 4,
  subject: 'default.orders-value',
  subscription: 'billing',
  target: 'large-orders',
  timeoutMs: 10_000,
  topic: 'orders',
  type: 'subscrib',
  what: 'topic',
};

/** @param status where HTTP has a more exact one than the code's */
export function problemExample(code: MdsErrorCode, status: number = ERROR_KINDS[code].status): Problem {
  if (code === 'MDS_REQUEST_INVALID')
    return problemOf(requestInvalid([REQUEST_PROBLEMS[status] ?? ANY_PROBLEM]), status);
  const names = [...ERROR_KINDS[code].message.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return problemOf(new MdsError(code, Object.fromEntries(names.map((name) => [name, DETAILS[name] ?? name]))), status);
}

const ANY_PROBLEM = { at: 'body/name', message: 'must match pattern "^[a-zA-Z0-9][a-zA-Z0-9._-]*$"' };
const REQUEST_PROBLEMS: Readonly<Record<number, typeof ANY_PROBLEM>> = {
  413: { at: 'request', message: 'Request body is too large' },
  414: { at: 'request', message: 'A part of the path is too long' },
  415: { at: 'request', message: 'Unsupported Media Type' },
};
