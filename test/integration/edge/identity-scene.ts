// The whole service with authentication on: keys, tenants and an issuer made by REST, topics of several tenants, and a steady
// stream of measurements whose `unit` says whose rows they are.

import type { Test } from 'tap';
import { formatApiKey, newKeyId, newKeySecret } from '../../../platform/identity/api-key.ts';
import type { Grant } from '../../../schemas/identity/identity.ts';
import { AUDIENCE, AUTH_SECRET, ISSUER, Signer } from '../../platform/identity/played-directory.ts';
import { startEventStream } from '../harness/event-stream.ts';
import { MEASUREMENT_SCHEMA, type Measurement, type ModelledFilter } from '../harness/measurement.ts';
import type { RestClient, TopicInfo } from '../harness/rest-client.ts';
import { startService, type TestService } from '../harness/service.ts';
import { httpUrlOf } from '../harness/stream-subscriber.ts';
import { until } from '../harness/until.ts';

/** The promise: what is revoked, expired or changed is in effect everywhere within 5 s. */
export const EFFECTIVE_MS = 5000;
/** Of a machine that does much else: how late a test may see it. */
export const SLACK_MS = 1500;
const PARTITIONS = 2;
const OWN_ROWS = 'unit == claims.unit';

/** What of a stream the owner of these rows reads. */
export const rowsOf = (unit: Measurement['unit'], rest: ModelledFilter = ALL): ModelledFilter => ({
  cel: rest.cel,
  matches: (event) => event.unit === unit && rest.matches(event),
});
const ALL: ModelledFilter = { cel: '', matches: () => true };
export const ACTIVE: ModelledFilter = { cel: 'active', matches: ({ active }) => active };

export interface Key {
  readonly id: string;
  readonly credential: string;
}

export class IdentityScene {
  readonly service: TestService;
  readonly signer: Signer;
  readonly #t: Test;

  private constructor(t: Test, service: TestService, signer: Signer) {
    this.#t = t;
    this.service = service;
    this.signer = signer;
  }

  static async start(t: Test, env: Readonly<Record<string, string>> = {}): Promise<IdentityScene> {
    const operatorKey = formatApiKey({ id: newKeyId(), secret: newKeySecret() });
    const auth = { MDS_AUTH: 'on', MDS_AUTH_SECRET: AUTH_SECRET, MDS_OPERATOR_KEY: operatorKey };
    const service = await startService(t, { workers: 1, edges: 2, env: { ...auth, ...env } });
    const signer = await Signer.create();
    await service.api.post('/v1/issuers', {
      issuer: ISSUER,
      audiences: [AUDIENCE],
      algorithms: ['ES256'],
      keys: signer.keys,
      tenant: { fixed: 'default' },
      grants: [{ actions: ['subscribe'], topics: ['*'], filter: OWN_ROWS }],
      clockSkewSeconds: 0,
    });
    return new IdentityScene(t, service, signer);
  }

  get url(): string {
    return this.service.edge(0).clientUrl;
  }

  get httpUrl(): string {
    return httpUrlOf(this.url);
  }

  get api(): RestClient {
    return this.service.api;
  }

  topic(name: string): Promise<TopicInfo> {
    return this.service.createTopic({ name, partitions: PARTITIONS, schema: MEASUREMENT_SCHEMA });
  }

  /** An admin of a tenant that is made for it. */
  async tenant(id: string, quotas: Readonly<Record<string, number>> = {}): Promise<Key> {
    await this.api.post('/v1/tenants', { id, quotas });
    return this.#known(await this.api.post('/v1/keys', { name: 'admin', tenant: id, roles: ['admin'] }));
  }

  /** A key that reads the rows of one unit. */
  reader(unit: Measurement['unit'], grant: Partial<Grant> = {}): Promise<Key> {
    const grants = [{ actions: ['subscribe', 'manage'], topics: ['*'], filter: OWN_ROWS, ...grant }];
    return this.key({ grants, claims: { unit } });
  }

  async key(wish: object): Promise<Key> {
    return this.#known(await this.api.post('/v1/keys', { name: 'reader', ...wish }));
  }

  /** A token of the issuer for the rows of one unit. */
  token(unit: Measurement['unit'], seconds: number, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const nowMs = Date.now();
    return this.signer.sign({ unit, exp: Math.floor(nowMs / 1000) + seconds, ...more }, nowMs);
  }

  async stream(topic: TopicInfo, eventsPerSecond = 1000) {
    const brokers = this.service.stack.env.MDS_KAFKA_BROKERS ?? '';
    const stream = await startEventStream({ brokers, topic, eventsPerSecond });
    this.#t.teardown(() => stream.close());
    return stream;
  }

  /** New keys reach an edge a moment later than their maker. */
  async #known(key: Key): Promise<Key> {
    for (const { clientUrl } of this.service.edges) {
      await until('the key to be known at the edge', EFFECTIVE_MS + SLACK_MS, async () => {
        const response = await fetch(`${httpUrlOf(clientUrl)}/v1/tickets`, {
          method: 'POST',
          headers: { authorization: `Bearer ${key.credential}` },
        });
        return response.status === 201;
      });
    }
    return key;
  }
}
