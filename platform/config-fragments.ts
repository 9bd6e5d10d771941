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

const limit = (byDefault: number, description: string) =>
  Type.Integer({ default: byDefault, minimum: 1, maximum: 10_000_000, description });

/** What stands before the routes of an HTTP server (platform/http-door). */
export const httpDoorConfig = {
  httpAllowedOrigins: Type.Array(Type.String({ pattern: '^https?://[^/]+$' }), {
    default: [],
    expected: 'origins such as https://dashboards.example.org, with commas between',
    description: 'Web pages that may use the API from a browser, beside its own. None by default: same origin only.',
  }),
  httpTrustedProxies: Type.Array(Type.String({ pattern: '^[0-9A-Fa-f.:]+(/\\d{1,3})?$' }), {
    default: [],
    expected: 'addresses or networks such as 10.0.0.0/8, with commas between',
    description:
      'Proxies whose X-Forwarded-For is believed. None by default: whoever can write that header would choose the address that limits and the audit log see.',
  }),
  httpConnectionsPerAddress: limit(
    1000,
    'Most connections of one address at once. 1,000: a proxy in front of everybody stays below it, one machine that floods cannot take all.',
  ),
  httpTenantRunning: limit(
    32,
    'Requests of one tenant that are worked on at once; the rest wait their turn. 32: three for each Postgres connection, so that others are not kept waiting long.',
  ),
  httpTenantWaiting: limit(256, 'Requests of one tenant that may wait; beyond it they are refused with 429.'),
  limitReadsPerTenant: limit(20_000, 'Reads a second of one tenant over all processes: what three of them can do.'),
  limitReadsPerKey: limit(10_000, 'Reads a second of one API key or token: what keeps one process and more busy.'),
  limitReadsPerAddress: limit(10_000, 'Reads a second from one address (IPv6: from one /64).'),
  limitWritesPerTenant: limit(1000, 'Writes a second of one tenant; each is a transaction, so fewer than reads.'),
  limitWritesPerKey: limit(500, 'Writes a second of one API key or token.'),
  limitWritesPerAddress: limit(500, 'Writes a second from one address (IPv6: from one /64).'),
  limitFailedAuthentications: limit(
    20,
    'Bad credentials a minute from one address before it is not listened to for the rest of that minute, except with a credential that was good before. 20: a client with an old key tries once a second at most and is told.',
  ),
};
