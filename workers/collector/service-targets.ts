// Whom to look at: the parts of the stack from this process's own configuration, and the workers and edges that the
// control plane knows at the moment.

import type { ControlPlaneAddress } from './host-topic.ts';
import type { ServiceTarget } from './service-probe.ts';

export interface StackAddresses extends ControlPlaneAddress {
  readonly kafkaBrokers: string;
  readonly registryUrl: string;
  readonly redisUrl: string;
  readonly postgresUrl: string;
}

/** What `GET /v1/status` says about one worker or edge, as far as it is needed here. */
export interface KnownProcess {
  readonly service: 'stream-worker' | 'edge';
  readonly id: string;
  readonly httpUrl: string;
}

const DEFAULT_POSTGRES_PORT = 5432;
const DEFAULT_REDIS_PORT = 6379;
const DEFAULT_KAFKA_PORT = 9092;
/** A PostgreSQL server answers an SSLRequest with one byte, S or N, before any login. */
const POSTGRES_SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47);
/** ApiVersions v0, correlation id 1, client id "mds": the one request every Kafka broker answers at once. */
const KAFKA_API_VERSIONS = Uint8Array.of(0, 0, 0, 13, 0, 18, 0, 0, 0, 0, 0, 1, 0, 3, 109, 100, 115);

export function stackTargets(addresses: StackAddresses): readonly ServiceTarget[] {
  const api = new URL(addresses.apiUrl);
  return [
    { service: 'control-plane', instance: api.host, via: 'http', url: new URL('/readyz', api).href },
    ...addresses.kafkaBrokers.split(',').map(kafkaTarget),
    {
      service: 'schema-registry',
      instance: new URL(addresses.registryUrl).host,
      via: 'http',
      url: `${addresses.registryUrl.replace(/\/$/, '')}/schemas/types`,
    },
    // a Redis that wants a password answers -NOAUTH: it lives, and that is what is asked
    dialogue('redis', new URL(addresses.redisUrl), DEFAULT_REDIS_PORT, Buffer.from('PING\r\n'), ''),
    dialogue('postgres', new URL(addresses.postgresUrl), DEFAULT_POSTGRES_PORT, POSTGRES_SSL_REQUEST, ''),
  ];
}

export function processTargets(known: readonly KnownProcess[]): readonly ServiceTarget[] {
  return known.map(({ service, id, httpUrl }) => ({
    service,
    instance: id,
    via: 'http',
    url: new URL('/readyz', httpUrl).href,
  }));
}

function kafkaTarget(broker: string): ServiceTarget {
  const url = new URL(`kafka://${broker.trim()}`);
  return dialogue('kafka', url, DEFAULT_KAFKA_PORT, KAFKA_API_VERSIONS, '\0\0');
}

function dialogue(service: string, url: URL, defaultPort: number, say: Uint8Array, expect: string): ServiceTarget {
  const port = url.port === '' ? defaultPort : Number(url.port);
  return { service, instance: `${url.hostname}:${port}`, via: 'dialogue', host: url.hostname, port, say, expect };
}
