// Starts an edge and ends it. Three Redis connections: one for commands, one for the lane (nothing else may delay it), one
// for notices.

import { type HealthServer, startHealthServer } from '../../platform/health.ts';
import { createAuthenticator } from '../../platform/identity/create-authenticator.ts';
import type { ProcessContext, RunningProcess } from '../../platform/lifecycle.ts';
import { startManagement } from '../../platform/management/management-agent.ts';
import { connectRedis } from '../../platform/redis.ts';
import { Clockwork } from './clockwork.ts';
import type { EdgeConfig } from './config.ts';
import { assembleEdge, type RedisConnections } from './edge-parts.ts';
import type { HeartbeatIdentity } from './heartbeat.ts';
import { isOriginAllowed } from './origin-check.ts';
import { STREAM_PATH } from './stream-path.ts';
import { startWebSocketServer, type WebSocketServer } from './websocket-server.ts';

type Context = ProcessContext<EdgeConfig>;

export async function startEdge(context: Context): Promise<RunningProcess> {
  const { config, metrics, health } = context;
  const http = await startHealthServer({ host: config.host, port: config.httpPort, health, metrics });
  const redis = await connectAll(context);
  const authenticator = await createAuthenticator(context);
  const parts = assembleEdge(context, redis, authenticator);
  await parts.lane.start(redis.lane);
  await parts.catalogReader.start(redis.notices);
  await parts.durables.start(redis.notices);
  await parts.desk.start(redis.notices);
  const management = await startManagement({ ...context, ...config, processId: parts.edgeId, redis: redis.commands });
  const server = await startWebSocketServer({
    host: config.host,
    port: config.edgePort,
    maxMessageBytes: config.edgeMaxMessageBytes,
    idleTimeoutMs: config.edgeIdleTimeoutMs,
    isOriginAllowed: (origin) => isOriginAllowed(origin, config.edgeAllowedOrigins),
    compresses: config.edgeCompression,
    mayConnect: (address) => parts.connections.mayConnect(address),
    accept: (socket, format, credential) => parts.connections.accept(socket, format, credential),
    onRequest: (response, request) => parts.http.door.handle(response, request),
  });
  const clockwork = new Clockwork(context, redis.commands, parts, identityOf(config, parts.edgeId, http, server));
  await clockwork.start();
  return {
    async stop() {
      await clockwork.drain();
      parts.http.endLingering();
      server.close();
      await clockwork.stop();
      await management.stop();
      await authenticator.stop();
      for (const connection of Object.values(redis)) connection.disconnect();
      await http.close();
    },
  };
}

async function connectAll({ config, log, health, signal }: Context): Promise<RedisConnections> {
  const options = { log, signal, health, connectTimeoutMs: config.connectTimeoutMs };
  return {
    commands: await connectRedis(config.redisUrl, { ...options, name: 'commands' }),
    lane: await connectRedis(config.redisUrl, { ...options, name: 'lane' }),
    notices: await connectRedis(config.redisUrl, { ...options, name: 'notices' }),
  };
}

function identityOf(
  config: EdgeConfig,
  edgeId: string,
  http: HealthServer,
  server: WebSocketServer,
): HeartbeatIdentity {
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return {
    edgeId,
    httpUrl: `http://${host}:${http.port}`,
    clientUrl: config.edgeClientUrl || `ws://${host}:${server.port}${STREAM_PATH}`,
    startedAtMs: Date.now(),
  };
}
