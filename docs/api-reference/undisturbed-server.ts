// The REST API's server with nobody behind it, to read its routes from: no part is touched before a request comes.

import type { App } from '../../control-plane/api/app.ts';
import { buildServer, type ServerParts } from '../../control-plane/api/server.ts';
import { ControlPlaneConfig } from '../../control-plane/config.ts';
import { loadConfig } from '../../platform/config.ts';
import { openAuthenticator } from '../../platform/identity/authenticator.ts';
import { createMetrics } from '../../platform/metrics.ts';
import { redisKeys } from '../../schemas/coordination.ts';

/** Stands for any part: whatever is asked of it is another of its kind, and none of them can be called. */
export const nobody: unknown = new Proxy(
  {},
  {
    get: (_target, name) => (name === 'then' || typeof name === 'symbol' ? undefined : nobody),
  },
);

export async function undisturbedServer(version: string): Promise<App> {
  const real = { keys: redisKeys('docs'), redisPrefix: 'docs', metrics: createMetrics('control'), version };
  const settings = loadConfig(ControlPlaneConfig, { MDS_AUTH: 'off' });
  const parts = new Proxy(
    {
      ...real,
      settings,
      authenticator: openAuthenticator,
      pageDir: '/nonexistent',
      pageEdges: [],
    } as Partial<ServerParts>,
    {
      get: (target, name) => (name === 'limits' ? null : (Reflect.get(target, name) ?? nobody)),
    },
  );
  return buildServer(parts as ServerParts); // complete, since whatever else is asked for is nobody
}
