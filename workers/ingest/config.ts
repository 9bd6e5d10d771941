// Configuration of the ingest door: every value with its default and the reason for it.

import { type Static, Type } from 'typebox';
import {
  commonConfig,
  httpDoorConfig,
  httpPortConfig,
  identityConfig,
  kafkaConfig,
  redisConfig,
  registryConfig,
} from '../../platform/config.ts';

const MIB = 1_048_576;
// What senders bring is counted apart from the writes of the REST API, with limits of its own.
const {
  limitWritesPerTenant: _tenant,
  limitWritesPerKey: _key,
  limitWritesPerAddress: _address,
  ...doorConfig
} = httpDoorConfig;

export const ingestConfig = Type.Object({
  ...commonConfig,
  ...identityConfig,
  ...httpPortConfig(9436),
  ...doorConfig,
  ...kafkaConfig,
  ...redisConfig,
  ...registryConfig,
  ingestBodyBytes: Type.Integer({
    default: 4 * MIB,
    minimum: 1024,
    maximum: 64 * MIB,
    unit: 'bytes',
    description:
      'Largest request as it is sent. 4 MiB: about 10,000 events, which Kafka acknowledges in some tens of milliseconds.',
  }),
  ingestDecodedBytes: Type.Integer({
    default: 16 * MIB,
    minimum: 1024,
    maximum: 256 * MIB,
    unit: 'bytes',
    description:
      'Largest request when it is uncompressed (gzip, zstd, snappy); beyond it the request is refused. 16 MiB: monitoring data compresses to a quarter and less.',
  }),
  ingestRequestEvents: Type.Integer({
    default: 10_000,
    minimum: 1,
    maximum: 100_000,
    description:
      'Most events of one request: each has a result in the answer. What OTLP, Prometheus and the like send may make ten times as many.',
  }),
  ingestInFlightRequests: Type.Integer({
    default: 64,
    minimum: 1,
    maximum: 10_000,
    description: 'Requests worked on at once; beyond it they are refused with 503 and may be sent again.',
  }),
  ingestRequestsPerTenant: Type.Integer({
    default: 20_000,
    minimum: 1,
    maximum: 10_000_000,
    description: 'Requests a second of one tenant over all doors. 20,000: so many agents that send once a second each.',
  }),
  ingestRequestsPerKey: Type.Integer({
    default: 10_000,
    minimum: 1,
    maximum: 10_000_000,
    description: 'Requests a second of one API key or token.',
  }),
  ingestRequestsPerAddress: Type.Integer({
    default: 10_000,
    minimum: 1,
    maximum: 10_000_000,
    description: 'Requests a second from one address (IPv6: from one /64).',
  }),
  ingestDedupeWindowMs: Type.Integer({
    default: 300_000,
    minimum: 60_000,
    maximum: 86_400_000,
    unit: 'ms',
    description:
      'How long an accepted id is remembered, at least; up to twice as long. 5 min outlasts the retries of usual senders; Redis keeps about 110 bytes for each event of the window.',
  }),
  ingestMappingFile: Type.String({
    default: '',
    description:
      'JSON file that changes how CloudEvents, OTLP, Prometheus, Alertmanager and syslog become events (docs/ingest.md). Empty: as the table there says.',
  }),
  ingestSyslogPort: Type.Integer({
    default: -1,
    minimum: -1,
    maximum: 65_535,
    description:
      'Port of syslog over TCP; -1: no syslog, 0: any free port. Off, since syslog has no credentials by itself.',
  }),
  ingestSyslogTopic: Type.String({
    default: '',
    description: 'Topic for syslog, as `tenant/topic` or a topic of the tenant `default`. Needed with the port.',
  }),
  ingestSyslogAllow: Type.Array(Type.String(), {
    default: ['127.0.0.0/8', '::1/128'],
    description:
      'Addresses that may send syslog, as CIDR with commas between. Others are closed at once. With a token element it is asked for in addition.',
  }),
  ingestSyslogToken: Type.Boolean({
    default: false,
    description:
      'Whether every syslog message must carry an API key, as structured data [mds@32473 token="…"]; the topic is then one of that key\'s tenant.',
  }),
  ingestSyslogConnections: Type.Integer({
    default: 1000,
    minimum: 1,
    maximum: 100_000,
    description: 'Most syslog connections; more are closed at once. Each holds one message and a batch at most.',
  }),
  ingestSyslogMessageBytes: Type.Integer({
    default: 65_536,
    minimum: 480,
    maximum: 1_048_576,
    unit: 'bytes',
    description:
      'Largest syslog message. RFC 5425 asks for 2,048 at least, and recommends 8,192; stack traces are longer.',
  }),
  ingestSyslogTlsCert: Type.String({
    default: '',
    description: 'PEM file with the certificate (chain) for syslog over TLS (RFC 5425). Empty: no TLS.',
  }),
  ingestSyslogTlsKey: Type.String({ default: '', description: 'PEM file with the key of that certificate.' }),
  ingestSyslogTlsClientCa: Type.String({
    default: '',
    description: 'PEM file with authorities whose certificates clients must have. Empty: clients need none.',
  }),
});
export type IngestConfig = Static<typeof ingestConfig>;
