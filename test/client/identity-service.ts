// A stand-in for what the control plane says about identities: it knows one key, and remembers what was asked of it. For
// tests of the command; the real service is in test/integration.

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MdsError } from '../../schemas/errors.ts';

/** An operator's. */
export const KNOWN_KEY = 'mds_3fK9aQ0LmZ7b_secret';
/** Of somebody who may do nothing here. */
export const POWERLESS_KEY = 'mds_000000000000_secret';

export interface AskedRequest {
  readonly line: string;
  readonly body: unknown;
}

export interface IdentityService {
  readonly api: string;
  readonly asked: AskedRequest[];
  /** Off: everybody is let in, as nobody in particular. */
  isOn: boolean;
  close(): Promise<void>;
}

export const aKey = {
  id: '3fK9aQ0LmZ7b',
  prefix: 'mds_3fK9aQ0LmZ7b',
  tenant: 'acme',
  name: 'sre screens',
  state: 'valid',
  roles: [],
  grants: [{ actions: ['subscribe'], topics: ['host.*'], filter: 'labels["team"] == "sre"' }],
  claims: {},
  createdBy: 'key:operator',
  createdAt: '2026-01-31T12:00:00Z',
  rotatedAt: null,
  previousValidUntil: '2026-02-01T12:00:00Z',
  expiresAt: '2026-05-01T12:00:00Z',
  lastUsedAt: '2026-01-31T12:34:00Z',
};
const quotas = {
  eventsInPerSecond: null,
  deliveriesPerSecond: 50_000,
  bytesOutPerSecond: null,
  connections: null,
  subscriptions: null,
  topics: 20,
  filterCost: null,
};
const aTenant = { id: 'acme', state: 'active', quotas, createdAt: '2026-01-31T12:00:00Z' };
const anIssuer = {
  id: 'issuer-1f0c',
  issuer: 'https://login.example.com/',
  audiences: ['mds'],
  algorithms: ['RS256'],
  keys: { jwksUrl: 'https://login.example.com/keys' },
  clockSkewSeconds: 5,
  maxTokenAgeSeconds: 86_400,
  tenant: { claim: 'org', allowed: ['acme', 'beta'] },
  roles: [],
  grants: [],
  grantsClaim: null,
  createdAt: '2026-01-31T12:00:00Z',
};
const aRevocation = {
  id: 'revocation-1',
  issuer: 'https://login.example.com/',
  jti: null,
  subject: 'ana',
  issuedBefore: '2026-01-31T12:00:00Z',
  createdAt: '2026-01-31T12:00:00Z',
  keptUntil: '2026-03-02T12:00:00Z',
};
const who = { tenant: 'acme', subject: 'key:3fK9aQ0LmZ7b', kind: 'key', expiresAt: '2026-05-01T12:00:00Z' };
const whoami = {
  ...who,
  roles: ['admin'],
  grants: [{ actions: ['subscribe'], topics: ['host.*'], isFiltered: true }],
};
const nobody = { tenant: 'default', subject: 'open', kind: 'open', roles: ['operator'], grants: [], expiresAt: null };

const pageOf = (...items: readonly unknown[]) => ({ items, nextPageToken: null });

/** By method and path, without the query. */
const ANSWERS: Readonly<Record<string, readonly [status: number, body?: unknown]>> = {
  'GET /v1/whoami': [200, whoami],
  'GET /v1/keys': [
    200,
    pageOf(aKey, { ...aKey, id: 'x', prefix: 'mds_x', roles: ['admin'], grants: [], lastUsedAt: null }),
  ],
  'GET /v1/keys/3fK9aQ0LmZ7b': [200, aKey],
  'POST /v1/keys': [201, { ...aKey, credential: KNOWN_KEY }],
  'PATCH /v1/keys/3fK9aQ0LmZ7b': [200, aKey],
  'POST /v1/keys/3fK9aQ0LmZ7b/rotate': [200, { ...aKey, credential: KNOWN_KEY }],
  'DELETE /v1/keys/3fK9aQ0LmZ7b': [204],
  'GET /v1/tenants': [200, pageOf(aTenant)],
  'GET /v1/tenants/acme': [200, aTenant],
  'POST /v1/tenants': [201, aTenant],
  'PATCH /v1/tenants/acme': [200, aTenant],
  'DELETE /v1/tenants/acme': [204],
  'GET /v1/issuers': [200, pageOf(anIssuer)],
  'GET /v1/issuers/issuer-1f0c': [200, anIssuer],
  'POST /v1/issuers': [201, anIssuer],
  'PATCH /v1/issuers/issuer-1f0c': [200, anIssuer],
  'DELETE /v1/issuers/issuer-1f0c': [204],
  'GET /v1/revocations': [200, pageOf(aRevocation)],
  'POST /v1/revocations': [201, aRevocation],
};

export async function startIdentityService(): Promise<IdentityService> {
  const asked: AskedRequest[] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const line = `${request.method} ${request.url}`;
      asked.push({ line, body });
      const [status, answer] = answerTo(line, request.headers.authorization, service.isOn);
      response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' });
      response.end(answer === undefined ? '' : JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address
  const service: IdentityService = {
    api: `http://127.0.0.1:${port}`,
    asked,
    isOn: true,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return service;
}

function answerTo(line: string, authorization: string | undefined, isOn: boolean): readonly [number, unknown?] {
  if (!isOn) return line === 'GET /v1/whoami' ? [200, nobody] : [404, problem(new MdsError('MDS_AUTH_IS_OFF'))];
  if (authorization === `Bearer ${POWERLESS_KEY}`) {
    return [403, problem(new MdsError('MDS_FORBIDDEN', { action: 'administer', topic: 'the tenant' }))];
  }
  if (authorization !== `Bearer ${KNOWN_KEY}`) return [401, problem(new MdsError('MDS_UNAUTHENTICATED'))];
  const found = ANSWERS[line.replace(/\?.*$/, '')];
  return found ?? [404, problem(new MdsError('MDS_NOT_FOUND', { kind: 'thing', id: line }))];
}

const problem = ({ code, message, details }: MdsError) => ({ code, detail: message, ...details });

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
}
