// What the control plane can be told by its environment.

import { fileURLToPath } from 'node:url';
import { type Static, Type } from 'typebox';
import {
  commonConfig,
  httpDoorConfig,
  identityConfig,
  kafkaConfig,
  postgresConfig,
  redisConfig,
  registryConfig,
} from '../platform/config-fragments.ts';

const DEFAULT_PAGE_DIR = fileURLToPath(new URL('../client/page/dist', import.meta.url));

export const ControlPlaneConfig = Type.Object({
  ...commonConfig,
  ...identityConfig,
  ...kafkaConfig,
  ...registryConfig,
  ...redisConfig,
  ...postgresConfig,
  ...httpDoorConfig,
  operatorKey: Type.Optional(
    Type.String({
      secret: true,
      expected: 'an API key such as `mds keys generate` prints',
      description:
        'API key of an operator that there is from the start: how a new installation is first entered. `make run` makes one. Once revoked, it stays so.',
    }),
  ),
  httpPort: Type.Integer({
    default: 9400,
    minimum: 0,
    maximum: 65_535,
    description: 'Port of the REST API, the page, /healthz, /readyz and /metrics. 0 takes any free port.',
  }),
  pageDir: Type.String({
    default: DEFAULT_PAGE_DIR,
    description: 'Folder of the built page that is served at /. The default is where client/page/build.ts puts it.',
  }),
  pageEdges: Type.Array(Type.String({ pattern: '^wss?://[A-Za-z0-9.:\\[\\]-]+$' }), {
    default: [],
    expected: 'origins such as wss://edges.example.org, with commas between',
    description:
      'Edges elsewhere than on this machine that the page may connect to, by its Content-Security-Policy. The edges list the address of the page in MDS_EDGE_ALLOWED_ORIGINS. None by default: whatever got into the page could send a key nowhere.',
  }),
  bodyLimitBytes: Type.Integer({
    default: 1_048_576,
    minimum: 1024,
    maximum: 16_777_216,
    unit: 'bytes',
    description: 'Largest request body. 1 MiB: ten times the largest Avro schema seen in the wild.',
  }),
  auditRetentionDays: Type.Integer({
    default: 400,
    minimum: 1,
    maximum: 36_500,
    unit: 'days',
    description: 'How long the audit log is kept. 400 days: a year, and time to look back over it.',
  }),
  auditMaxRows: Type.Integer({
    default: 5_000_000,
    minimum: 1000,
    maximum: 1_000_000_000,
    description: 'Most entries of the audit log; beyond it the oldest go, whatever their age. 5,000,000: some 3 GB.',
  }),
  leaderIntervalMs: Type.Integer({
    default: 500,
    minimum: 50,
    maximum: 2000,
    unit: 'ms',
    description:
      'How often the leader looks at heartbeats and a standby tries to become leader. With heartbeats that live for 3 s, a dead worker is replaced within 4 s.',
  }),
});
export type ControlPlaneConfig = Static<typeof ControlPlaneConfig>;
