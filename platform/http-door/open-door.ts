// Everything that stands before the routes of an HTTP server, in its order. See docs/security.md.

import type { FastifyInstance } from 'fastify';
import type { Authenticator } from '../identity/authenticator.ts';
import { RequestLimits } from '../rate-limit/request-limits.ts';
import type { Redis } from '../redis.ts';
import { limitConnectionsPerAddress } from './http-server.ts';
import { identify } from './identify.ts';
import { checkOrigins } from './origins.ts';
import { addSecurityHeaders } from './security-headers.ts';
import { TenantGate } from './tenant-gate.ts';

/** As httpDoorConfig reads it. */
export interface DoorSettings {
  readonly httpConnectionsPerAddress: number;
  readonly httpAllowedOrigins: readonly string[];
  readonly httpTenantRunning: number;
  readonly httpTenantWaiting: number;
  readonly limitReadsPerTenant: number;
  readonly limitReadsPerKey: number;
  readonly limitReadsPerAddress: number;
  readonly limitWritesPerTenant: number;
  readonly limitWritesPerKey: number;
  readonly limitWritesPerAddress: number;
  readonly limitFailedAuthentications: number;
}

export interface OpenDoorOptions {
  readonly authenticator: Authenticator;
  readonly settings: DoorSettings;
  /** For limits that all processes share; null: this one counts alone. */
  readonly redis: Redis | null;
  readonly redisPrefix: string;
  readonly publicReads?: (url: string) => boolean;
}

/** To be called before the first route is added. */
export async function openDoor(app: FastifyInstance, options: OpenDoorOptions): Promise<void> {
  const { authenticator, settings, redis, redisPrefix, publicReads } = options;
  limitConnectionsPerAddress(app.server, settings.httpConnectionsPerAddress);
  addSecurityHeaders(app);
  await checkOrigins(app, { allowedOrigins: settings.httpAllowedOrigins, isOpen: !authenticator.isOn });
  const limits = new RequestLimits({
    budgets: {
      reads: {
        tenant: settings.limitReadsPerTenant,
        subject: settings.limitReadsPerKey,
        address: settings.limitReadsPerAddress,
      },
      writes: {
        tenant: settings.limitWritesPerTenant,
        subject: settings.limitWritesPerKey,
        address: settings.limitWritesPerAddress,
      },
    },
    failedAuthenticationsPerMinute: settings.limitFailedAuthentications,
    redis,
    redisPrefix,
  });
  const gate = new TenantGate({ running: settings.httpTenantRunning, waiting: settings.httpTenantWaiting });
  await app.register(identify, { authenticator, limits, gate, ...(publicReads ? { publicReads } : {}) });
}
