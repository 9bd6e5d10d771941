// Every error as RFC 9457 problem details, whatever was thrown: the project's own errors, requests that do not fit their
// schema, what Fastify itself refuses, and bugs.

import type { Problem, RequestProblem } from '../schemas/api/problem.ts';
import { MdsError, reasonOf } from '../schemas/errors.ts';
import { withoutSecrets } from './management/redact.ts';
import { asPostgresError } from './postgres.ts';

/** @param status where HTTP has a more exact one than the code's */
export function problemOf(error: MdsError, status: number = error.status): Problem {
  const { code, message, retryable, details } = error;
  return { ...details, type: typeOf(code), title: titleOf(code), status, detail: message, code, retryable };
}

/** MDS_TOPIC_UNKNOWN → urn:mds:problem:topic-unknown */
const typeOf = (code: string): string => `urn:mds:problem:${code.slice(4).toLowerCase().replaceAll('_', '-')}`;

/** MDS_TOPIC_UNKNOWN → Topic unknown */
const titleOf = (code: string): string => {
  const words = code.slice(4).toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** A credential that was put into a path by mistake is not shown to whoever reads answers on their way. */
export const noRoute = (method: string, path: string): MdsError =>
  new MdsError('MDS_NO_ROUTE', { method, path: withoutSecrets(path) });

/** What a validator says of a part of a request. */
interface SchemaViolation {
  readonly instancePath: string;
  readonly message?: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

interface RefusedRequest {
  readonly validation: readonly SchemaViolation[];
  readonly validationContext?: string;
}

/**
 * @param thrown what a handler, a hook or Fastify threw
 * @param reportBug called with anything that is not a foreseen error; gives the reference under which it was logged
 */
export function problemOfThrown(thrown: unknown, reportBug: (thrown: unknown) => string): Problem {
  const error = asPostgresError(thrown);
  if (error instanceof MdsError) return problemOf(error);
  if (isRefusedRequest(error)) return problemOf(requestInvalid(violationsOf(error)));
  const status = statusOf(error);
  // 413 and 415 of Fastify itself keep their meaning.
  if (status !== null && status >= 400 && status < 500) {
    return problemOf(requestInvalid([{ at: 'request', message: reasonOf(error) }]), status);
  }
  return problemOf(new MdsError('MDS_INTERNAL', { reference: reportBug(error) }, { cause: error }));
}

export function requestInvalid(errors: readonly RequestProblem[]): MdsError {
  const problems = errors.map(({ at, message }) => `${at}: ${message}`);
  return new MdsError('MDS_REQUEST_INVALID', { problems, errors });
}

function violationsOf({ validation, validationContext = 'request' }: RefusedRequest): RequestProblem[] {
  // A member that is not allowed is reported twice: as itself ("boolean") and by name at its object.
  const listed = validation.filter(({ keyword }) => keyword !== 'boolean');
  return listed.map(({ instancePath, message, keyword, params }) => {
    const unknown = keyword === 'additionalProperties' ? params.additionalProperties : undefined;
    if (Array.isArray(unknown)) {
      return { at: `${validationContext}${instancePath}`, message: `there is no ${unknown.join(', ')}` };
    }
    return { at: `${validationContext}${instancePath}`, message: message ?? `violates ${keyword}` };
  });
}

const isRefusedRequest = (error: unknown): error is RefusedRequest =>
  error instanceof Error && 'validation' in error && Array.isArray(error.validation);

const statusOf = (error: unknown): number | null =>
  error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : null;
