// Variables that several processes share, as properties to spread into a process's own TypeBox object. Stated once, so
// that a default cannot differ between processes.

import { Type } from 'typebox';
import { AUTH_SECRET_EXPECTED } from './auth-config.ts';

export const commonConfig = {
  host: Type.String({
    default: '127.0.0.1',
    pattern: '^[A-Za-z0-9.:_-]{1,253}$',
    expected: 'an address or name of this machine',
    description:
      'Address to listen on. Other than loopback (0.0.0.0, for instance) only with MDS_AUTH on: without it, whoever reaches a process may do everything.',
  }),
  auth: Type.Enum(['on', 'off'], {
    default: 'on',
    description:
      'Whether everybody must say who they are, with an API key or a token. Off: everybody may do everything, and only loopback can be listened on; for tests and measurements.',
  }),
  processId: Type.String({
    default: '{host}-{pid}-{random}',
    pattern: '^[A-Za-z0-9._-]{1,128}$',
    expected: '1-128 letters, digits, dots, dashes or underscores',
    description:
      'Name of this process among its kind. New at each start by default, so that a restarted process is never mistaken for its predecessor.',
  }),
  logLevel: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    default: 'info',
    changeable: true,
    description: 'Least severe level that is logged. Info has one line per state change and none per event.',
  }),
  connectTimeoutMs: Type.Integer({
    default: 30_000,
    minimum: 100,
    maximum: 600_000,
    unit: 'ms',
    description:
      'How long a starting process waits for Kafka, Redis, Postgres or the registry before it gives up. 30 s covers their slowest start on a busy machine.',
  }),
};

export const kafkaConfig = {
  kafkaBrokers: Type.String({
    default: '127.0.0.1:9401',
    pattern: '^[^\\s,:]+:\\d+(,[^\\s,:]+:\\d+)*$',
    expected: 'host:port, or several with commas between',
    description: 'Kafka brokers to begin with; the others are learned from them. The default is the local stack.',
  }),
};

export const registryConfig = {
  registryUrl: Type.String({
    default: 'http://127.0.0.1:9403/apis/ccompat/v7',
    pattern: '^https?://.+',
    expected: 'an http:// or https:// URL',
    description: 'Schema registry that speaks the Confluent API. The default is the local stack.',
  }),
};

export const redisConfig = {
  redisUrl: Type.String({
    default: 'redis://127.0.0.1:9404',
    pattern: '^rediss?://.+',
    expected: 'a redis:// or rediss:// URL',
    description: 'Redis for heartbeats, interest and lanes. The default is the local stack.',
  }),
  redisPrefix: Type.String({
    default: 'mds',
    pattern: '^[A-Za-z0-9._-]{1,64}$',
    expected: '1-64 letters, digits, dots, dashes or underscores',
    description: 'First part of every Redis key, so that several installations can share one Redis.',
  }),
};

export const postgresConfig = {
  postgresUrl: Type.String({
    default: 'postgres://mds@127.0.0.1:9405/mds',
    pattern: '^postgres(ql)?://.+',
    expected: 'a postgres:// URL',
    description: 'Postgres with the metadata. The default is the local stack.',
  }),
};

/** The port for health and metrics; each process has its own default. */
export const httpPortConfig = (defaultPort: number) => ({
  httpPort: Type.Integer({
    default: defaultPort,
    minimum: 0,
    maximum: 65_535,
    description: 'Port of /healthz, /readyz and /metrics. 0 takes any free port.',
  }),
});

/** For processes that look at credentials. */
export const identityConfig = {
  authSecret: Type.Optional(
    Type.String({
      secret: true,
      expected: AUTH_SECRET_EXPECTED,
      description:
        'Key of the HMAC under which secrets of API keys are stored; the same in every process. Needed while MDS_AUTH is on. With another one, no API key is valid any more.',
    }),
  ),
};
