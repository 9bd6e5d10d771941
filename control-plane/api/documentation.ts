// /openapi.json, made from the routes' own schemas, and /docs to read it. Nothing is loaded from elsewhere: the page's
// script comes from this process and its content security policy forbids everything else.

import swagger from '@fastify/swagger';
import apiReference from '@scalar/fastify-api-reference';
import { PUBLIC } from '../../platform/http-door/access.ts';
import { type ApiDocument, completeDocument } from '../../platform/openapi/complete-document.ts';
import { type DoorPart, withDoors } from '../../platform/openapi/doors.ts';
import type { App } from './app.ts';
import { readDoors } from './doors-file.ts';

const DESCRIPTION = `Topics, durable subscriptions, filters and the state of the service.

Events themselves do not pass the control plane: clients read them from an edge (\`GET /v1/edges\`). Operations of other
processes are listed here too; their \`servers\` say where the local stack has them, and this page can try the control plane's own.
Every error is an RFC 9457 problem with a stable \`code\`.`;

/** The reference compiles its styles and scripts in the page, hence the unsafe words; it reaches nobody but this server. */
const DOCS_CSP = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** To be registered before the routes. */
export async function registerDocumentation(app: App, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Monitoring Distribution Service', version, description: DESCRIPTION },
      tags: [
        { name: 'topics', description: 'Named streams of events' },
        { name: 'subscriptions', description: 'Durable subscriptions' },
        { name: 'dead letters', description: 'What could not be delivered' },
        { name: 'audit', description: 'Who did what' },
        { name: 'filters', description: 'CEL expressions over the fields of an event' },
        { name: 'routes', description: 'Matching events of one topic that go to another, exactly once' },
        { name: 'schemas', description: 'Avro schemas that events were written with' },
        { name: 'edges', description: 'Processes that hold the connections of clients' },
        { name: 'connections', description: 'Clients of the edges' },
        { name: 'configuration', description: 'What processes are set to' },
        { name: 'identities', description: 'Tenants, API keys, issuers of tokens, revocations' },
        { name: 'status', description: 'Processes, owners, lag and rates' },
      ],
    },
    refResolver: {
      buildLocalReference: ({ $id }, _base, _fragment, i) => (typeof $id === 'string' ? $id : `def-${i}`),
    },
  });
  const config = { access: PUBLIC("it is the same for everybody, and has nobody's data") };
  let document: Promise<ReturnType<typeof describedApi>> | undefined;
  app.get('/openapi.json', { config, schema: { hide: true } }, () => {
    document ??= readDoors().then((doors) => describedApi(app, doors));
    return document;
  });
  app.addHook('onSend', async (request, reply) => {
    if (request.url.startsWith('/docs')) reply.header('content-security-policy', DOCS_CSP);
  });
  await app.register(apiReference, {
    routePrefix: '/docs',
    configuration: {
      url: '/openapi.json',
      pageTitle: 'Monitoring Distribution Service: REST API',
      withDefaultFonts: false,
      telemetry: false,
      agent: { disabled: true },
      hideClientButton: true,
      showDeveloperTools: 'never',
    },
  });
}

/** The document of an app that is ready, with what the other doors add to it. */
export const describedApi = (app: App, doors: readonly DoorPart[]): ReturnType<typeof completeDocument> =>
  completeDocument(withDoors(app.swagger() as unknown as ApiDocument, doors)); // made of what the routes declare
