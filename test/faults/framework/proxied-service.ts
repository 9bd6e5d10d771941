// A service with a faulty line between each pair of tiers: one worker, one edge and the control plane reach everything
// through proxies, and clients that edge. The other worker and the other edge have good lines.

import type { TestService } from '../../integration/harness/service.ts';
import type { FaultyProxy } from '../proxy/faulty-proxy.ts';
import type { Run } from './scenario.ts';
import type { FaultStack } from './stacks.ts';

export const LINES = [
  'client–edge',
  'edge–Redis',
  'worker–Redis',
  'worker–Kafka',
  'control plane–Redis',
  'control plane–Postgres',
] as const;
export type LineName = (typeof LINES)[number];
export type Lines = Readonly<Record<LineName, FaultyProxy>>;

export interface ProxiedService {
  readonly service: TestService;
  readonly lines: Lines;
  /** For clients: the edge with the lines, through its own, and the other edge. */
  readonly clientUrls: readonly string[];
}

export async function startProxiedService(run: Run, stack: FaultStack): Promise<ProxiedService> {
  const { redis, postgres } = stack.services.ports;
  const { port: kafkaPort, advertisedPort } = stack.kafkaBehindProxy;
  const redisUrl = (proxy: FaultyProxy): string => `redis://127.0.0.1:${proxy.port}`;
  const edgeRedis = await run.proxyTo(redis);
  const workerRedis = await run.proxyTo(redis);
  const workerKafka = await run.proxyTo(kafkaPort, advertisedPort);
  const controlRedis = await run.proxyTo(redis);
  const controlPostgres = await run.proxyTo(postgres);
  const service = await run.service(stack, {
    workers: 1,
    edges: 1,
    controlPlaneEnv: (env) => ({
      MDS_REDIS_URL: redisUrl(controlRedis),
      MDS_POSTGRES_URL: (env.MDS_POSTGRES_URL ?? '').replace(`:${postgres}/`, `:${controlPostgres.port}/`),
    }),
  });
  const worker = await service.addWorker({
    MDS_REDIS_URL: redisUrl(workerRedis),
    MDS_KAFKA_BROKERS: `127.0.0.1:${workerKafka.port}`,
  });
  const edge = await service.addEdge({ MDS_REDIS_URL: redisUrl(edgeRedis) });
  await Promise.all([worker.start(), edge.start()]);
  const clientEdge = await run.proxyTo(Number(new URL(edge.clientUrl).port));
  const proxiedUrl = new URL(edge.clientUrl);
  proxiedUrl.port = String(clientEdge.port);
  return {
    service,
    lines: {
      'client–edge': clientEdge,
      'edge–Redis': edgeRedis,
      'worker–Redis': workerRedis,
      'worker–Kafka': workerKafka,
      'control plane–Redis': controlRedis,
      'control plane–Postgres': controlPostgres,
    },
    clientUrls: [proxiedUrl.href, service.edge(0).clientUrl],
  };
}
