// Errors of the whole fleet, grouped: what GET /v1/errors shows.

import { type Static, Type } from 'typebox';
import { listOf } from './paging.ts';

const Count = Type.Integer({ minimum: 0 });
const Name = Type.String({ minLength: 1, maxLength: 250 });

export const ErrorQuery = Type.Object(
  {
    hours: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 24,
        default: 1,
        description: 'How far back; whole hours, the present one included.',
      }),
    ),
    code: Type.Optional(Name),
    component: Type.Optional(Name),
    topic: Type.Optional(Name),
    tenant: Type.Optional(Type.String({ ...Name, description: 'Only an operator sees others than their own.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 100 })),
  },
  { additionalProperties: false },
);
export type ErrorQuery = Static<typeof ErrorQuery>;

export const ErrorReport = Type.Object({
  code: Type.String(),
  component: Type.String({ description: 'Kind of process: control, stream, edge, ingest…' }),
  topic: Type.Union([Type.String(), Type.Null()], { description: 'null: about no topic in particular.' }),
  tenant: Type.Union([Type.String(), Type.Null()], { description: 'null: of nobody in particular.' }),
  count: Count,
  firstAt: Type.String({ description: 'RFC 3339, UTC; within the hours that are asked for.' }),
  lastAt: Type.String(),
  sample: Type.String({ description: 'One occurrence in words; credentials are masked.' }),
  retryable: Type.Boolean(),
  advice: Type.String({ description: 'What to do.' }),
});
export type ErrorReport = Static<typeof ErrorReport>;

export const ErrorReportList = Type.Object(listOf(ErrorReport).properties, {
  examples: [
    {
      items: [
        {
          code: 'MDS_SLOW_CONSUMER',
          component: 'edge',
          topic: null,
          tenant: 'default',
          count: 12,
          firstAt: '2026-01-01T12:00:00.000Z',
          lastAt: '2026-01-01T12:14:00.000Z',
          sample: 'The client did not read fast enough and was closed; resume with the last token.',
          retryable: true,
          advice: 'See `mds connections list --slow`.',
        },
      ],
    },
  ],
});
