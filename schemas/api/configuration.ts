// The configuration in effect, and changing it while processes run.

import { type Static, Type } from 'typebox';
import { ReportedSetting } from '../management.ts';
import { listOf } from './paging.ts';

const Count = Type.Integer({ minimum: 0 });

export const ProcessConfiguration = Type.Object({
  component: Type.String({ description: 'Kind of process: control, stream, edge, ingest…' }),
  processId: Type.String(),
  host: Type.String(),
  pid: Count,
  revision: Type.Integer({ minimum: 0, description: 'Of the changes at run time that it has applied; 0: none.' }),
  settings: Type.Array(Type.Omit(ReportedSetting, ['schema'])),
  problems: Type.Array(Type.String(), { description: 'Changes that it could not apply, and why.' }),
});
export type ProcessConfiguration = Static<typeof ProcessConfiguration>;

export const ConfigurationList = listOf(ProcessConfiguration);
export type ConfigurationList = Static<typeof ConfigurationList>;

export const ConfigurationChange = Type.Object(
  {
    set: Type.Optional(Type.Record(Type.String({ minLength: 1, maxLength: 100 }), Type.Unknown())),
    unset: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { maxItems: 200 })),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    examples: [{ set: { logLevel: 'debug' }, unset: ['edgeMaxConnections'] }],
  },
);
export type ConfigurationChange = Static<typeof ConfigurationChange>;

export const ChangedConfiguration = Type.Object({
  component: Type.String(),
  revision: Count,
  overrides: Type.Record(Type.String(), Type.Unknown(), {
    description: 'All that differs from how processes were started.',
  }),
  changedBy: Type.String({ description: 'Identity.' }),
  changedAt: Type.String({ description: 'RFC 3339, UTC.' }),
});
export type ChangedConfiguration = Static<typeof ChangedConfiguration>;
