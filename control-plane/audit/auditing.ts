// Fastify's part of the audit log: every route that is not a read says what it does to which kind of resource, or why that
// is no action; one that says nothing keeps the process from starting. Routes act through `request.change.commit`, or set
// what they changed on `request.change`, which is then written before the answer goes out.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Logger } from '../../platform/log.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { Change, type ChangeParts } from './change.ts';

export type Audited =
  /** `id`: where the request names the resource, if it does. */
  | {
      readonly action: string;
      readonly kind: string;
      readonly id?: { readonly param: string } | { readonly body: string };
    }
  | { readonly nothing: string };

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Of a request that was refused, nothing has checked it. */
const MAX_ID_CHARS = 500;

/** The route is no action on a control resource. */
export const NO_ACTION = (because: string): Audited => ({ nothing: because });

declare module 'fastify' {
  interface FastifyContextConfig {
    audit?: Audited;
  }
  interface FastifyRequest {
    /** Throws on a route that is no action. */
    readonly change: Change;
    knownChange: Change | null;
    /** MDS_… of the problem that is answered. */
    problemCode: string | null;
  }
}

export interface AuditingOptions extends ChangeParts {
  readonly log: Logger;
}

export const auditing = fastifyPlugin(async (app: FastifyInstance, { log, ...parts }: AuditingOptions) => {
  app.decorateRequest('knownChange', null);
  app.decorateRequest('problemCode', null);
  app.decorateRequest('change', {
    getter(this: FastifyRequest) {
      if (this.knownChange === null) throw new Error(`${this.routeOptions.url} acts and does not say so`);
      return this.knownChange;
    },
  });

  app.addHook('onRoute', ({ method, url, config }) => {
    if ([method].flat().every((one) => READS.has(one)) || config?.audit !== undefined) return;
    throw new Error(`the route ${method} ${url} does not say what it does: give it config.audit`);
  });

  // Also when the door refuses: it knows by then who it was.
  const begin = (request: FastifyRequest): Change | null => {
    const { audit } = request.routeOptions.config;
    if (request.knownChange !== null || request.knownIdentity === null || !audit || 'nothing' in audit)
      return request.knownChange;
    const { action, kind } = audit;
    const facts = { identity: request.knownIdentity, address: request.ip, requestId: request.id, action, kind };
    request.knownChange = new Change(parts, facts);
    request.knownChange.id = idIn(request, audit);
    return request.knownChange;
  };

  app.addHook('preHandler', async (request) => {
    begin(request);
  });

  app.addHook('onSend', async (request, reply) => {
    const change = request.knownChange;
    if (change === null || reply.statusCode >= 400 || change.isWritten || change.isNothing) return;
    await written(change, 'done', null);
  });

  app.addHook('onResponse', async (request, reply) => {
    const isQuota = request.problemCode === 'MDS_QUOTA_EXCEEDED';
    const isRefused = reply.statusCode === 403 || isQuota;
    const change = begin(request);
    if (change === null || reply.statusCode < 400) return;
    if (isRefused) await written(change, 'refused', request.problemCode);
    else if (reply.statusCode >= 500 || change.isWritten) await written(change, 'failed', request.problemCode);
  });

  /** What is done is done, and is answered so; that it is not in the log is for an operator to see. */
  async function written(change: Change, outcome: 'done' | 'refused' | 'failed', code: string | null): Promise<void> {
    try {
      await change.write(outcome, code);
    } catch (error) {
      log.error({ outcome, code, reason: reasonOf(error) }, 'an action is not in the audit log');
    }
  }
});

function idIn({ params, body }: FastifyRequest, { id }: Extract<Audited, { action: string }>): string | null {
  if (id === undefined) return null;
  const [part, name] = 'param' in id ? [params, id.param] : [body, id.body];
  const value: unknown = typeof part === 'object' && part !== null ? Reflect.get(part, name) : undefined;
  return typeof value === 'string' ? value.slice(0, MAX_ID_CHARS) : null;
}
