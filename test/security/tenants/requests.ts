// What is asked where the document's example would be refused for its own sake, before anybody looks whose things it is about:
// an attempt proves something only if it would succeed, were it the owner's.

/** Bodies by operation; members that mean something of somebody's are named by `attempts.ts`. */
export const BODIES: Readonly<Record<string, unknown>> = {
  'POST /v1/dead-letters/purge': { filter: { topic: 'mine', subscription: 'mine' } },
  'POST /v1/dead-letters/redrive': { filter: { topic: 'mine', subscription: 'mine' } },
  'POST /v1/edges/{id}/evacuate': { force: true },
  'PUT /v1/workers/{id}/cordon': { force: true },
  'PUT /v1/topics/{name}/rollup': {
    fields: ['host'],
    labels: 'all',
    value: 'value',
    time: 'timestamp',
    maxSeries: 100,
  },
  'POST /v1/topics/{topic}/aggregate': { functions: ['count'] },
  'POST /v1/issuers': {
    issuer: 'https://another.example.com/',
    audiences: ['mds'],
    keys: { jwksUrl: 'https://127.0.0.1:1/jwks' },
    tenant: { fixed: 'mine' },
  },
  'PATCH /v1/issuers/{id}': { audiences: ['mds'], tenant: { fixed: 'mine' } },
  'POST /v1/prometheus/{topic}/write': '\0', // snappy: nothing, so no series
};

/** Of the event that the victim has. */
export const QUERIES: Readonly<Record<string, string>> = {
  'GET /v1/subscriptions/{id}/why': 'cursor=0:1',
};

/** What the owner is answered where success would end the run, or takes more than one request. */
export const OWNERS_ANSWERS: Readonly<Record<string, number>> = {
  'DELETE /v1/tenants/{id}': 409, // it still has a topic
  'POST /v1/topics/{name}/schemas': 409, // the example goes on from another schema
  'GET /v1/connections/{edgeId}/{number}': 404,
  'DELETE /v1/connections/{edgeId}/{number}': 404,
};
