// The services of the local stack, in the order in which they are listed and (reversed) stopped. The second and third Kafka
// broker belong to no ordinary stack: only tests that lose brokers have them.

import { KAFKA_BROKERS, kafka } from './kafka.ts';
import { postgres } from './postgres.ts';
import { redis } from './redis.ts';
import { registry } from './registry.ts';
import type { Service, ServiceName } from './service.ts';

export const SERVICES: readonly Service[] = [redis, postgres, registry, kafka];

export const SERVICE_NAMES: readonly ServiceName[] = SERVICES.map(({ name }) => name);

export function serviceNamed(name: ServiceName): Service {
  const service = [...SERVICES, ...KAFKA_BROKERS].find((candidate) => candidate.name === name);
  if (service === undefined) throw new Error(`no service ${name}`);
  return service;
}
