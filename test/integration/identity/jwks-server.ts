// A server that gives out a key set, as an identity provider does; counts how often it is asked, and can be broken.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JWK } from 'jose';
import type { Test } from 'tap';

export interface JwksServer {
  readonly url: string;
  keys: readonly JWK[];
  /** What it answers instead, while set. */
  broken: { readonly status: number; readonly body: string } | null;
  readonly asked: () => number;
}

export async function startJwksServer(t: Test, keys: readonly JWK[]): Promise<JwksServer> {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    const { status, body } = jwks.broken ?? { status: 200, body: JSON.stringify({ keys: jwks.keys }) };
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo; // listening on TCP
  const jwks: JwksServer = { url: `http://127.0.0.1:${port}/jwks`, keys, broken: null, asked: () => asked };
  return jwks;
}
