// What every REST error looks like: RFC 9457 problem details with the project's stable code. Runs in browsers too.

import { type Static, Type } from 'typebox';

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

export const RequestProblem = Type.Object({
  at: Type.String({ description: 'Place of the problem: part of the request and JSON pointer, such as body/name.' }),
  message: Type.String(),
});
export type RequestProblem = Static<typeof RequestProblem>;

/** Details of the error (limit, hint, place …) stand next to these members. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'URN of the kind of problem.' }),
    title: Type.String({ description: 'The kind of problem in words; the same for every occurrence.' }),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'What happened this time and what to do.' }),
    code: Type.String({ pattern: '^MDS_[A-Z_]+$', description: 'Stable code to program against.' }),
    retryable: Type.Boolean({ description: 'True when the same call may succeed later without being changed.' }),
    errors: Type.Optional(
      Type.Array(RequestProblem, { description: 'All problems of a request that is not valid, each with its place.' }),
    ),
  },
  { $id: 'Problem', additionalProperties: true },
);
export type Problem = Static<typeof Problem>;
