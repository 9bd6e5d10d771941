// Tenants, API keys, issuers and revocations over the control plane's REST API.

import type {
  Issuer,
  IssuerChange,
  Key,
  KeyChange,
  KeyWithCredential,
  NewIssuer,
  NewKey,
  NewRevocation,
  NewTenant,
  Revocation,
  Tenant,
  TenantChange,
  WhoAmI,
} from '../../schemas/api/identity.ts';
import { queryOf, request } from './rest.ts';
import type { Fetch } from './runtime.ts';

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextPageToken: string | null;
}

export class IdentityClient {
  readonly #api: string;
  readonly #fetch: Fetch;

  constructor(api: string, fetch: Fetch) {
    this.#api = api;
    this.#fetch = fetch;
  }

  whoami = (): Promise<WhoAmI> => this.#call('GET', '/v1/whoami');

  /** @param tenant of others, for operators */
  keys = (tenant?: string): Promise<readonly Key[]> => this.#all<Key>('/v1/keys', { tenant });
  key = (id: string, tenant?: string): Promise<Key> => this.#call('GET', keyPath(id, tenant));
  createKey = (wish: NewKey): Promise<KeyWithCredential> => this.#call('POST', '/v1/keys', wish);
  changeKey = (id: string, change: KeyChange, tenant?: string): Promise<Key> =>
    this.#call('PATCH', keyPath(id, tenant), change);
  rotateKey = (id: string, overlapSeconds?: number, tenant?: string): Promise<KeyWithCredential> =>
    this.#call('POST', keyPath(id, tenant, '/rotate'), overlapSeconds === undefined ? {} : { overlapSeconds });
  revokeKey = (id: string, tenant?: string): Promise<void> => this.#call('DELETE', keyPath(id, tenant));

  tenants = (): Promise<readonly Tenant[]> => this.#all<Tenant>('/v1/tenants');
  tenant = (id: string): Promise<Tenant> => this.#call('GET', `/v1/tenants/${encodeURIComponent(id)}`);
  createTenant = (wish: NewTenant): Promise<Tenant> => this.#call('POST', '/v1/tenants', wish);
  changeTenant = (id: string, change: TenantChange): Promise<Tenant> =>
    this.#call('PATCH', `/v1/tenants/${encodeURIComponent(id)}`, change);
  deleteTenant = (id: string): Promise<void> => this.#call('DELETE', `/v1/tenants/${encodeURIComponent(id)}`);

  issuers = (): Promise<readonly Issuer[]> => this.#all<Issuer>('/v1/issuers');
  issuer = (id: string): Promise<Issuer> => this.#call('GET', `/v1/issuers/${encodeURIComponent(id)}`);
  createIssuer = (wish: NewIssuer): Promise<Issuer> => this.#call('POST', '/v1/issuers', wish);
  changeIssuer = (id: string, change: IssuerChange): Promise<Issuer> =>
    this.#call('PATCH', `/v1/issuers/${encodeURIComponent(id)}`, change);
  deleteIssuer = (id: string): Promise<void> => this.#call('DELETE', `/v1/issuers/${encodeURIComponent(id)}`);

  revocations = (): Promise<readonly Revocation[]> => this.#all<Revocation>('/v1/revocations');
  revoke = (wish: NewRevocation): Promise<Revocation> => this.#call('POST', '/v1/revocations', wish);

  async #call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    return (await request(this.#api, this.#fetch, method, path, body)) as Answer; // the API's contract
  }

  async #all<Item>(path: string, search: Readonly<Record<string, string | undefined>> = {}): Promise<readonly Item[]> {
    const items: Item[] = [];
    let pageToken: string | undefined;
    do {
      const page: Page<Item> = await this.#call('GET', `${path}${queryOf({ ...search, pageToken })}`);
      items.push(...page.items);
      pageToken = page.nextPageToken ?? undefined;
    } while (pageToken !== undefined);
    return items;
  }
}

/** People copy the visible part of a key: mds_ before the id is let through. */
const keyPath = (id: string, tenant?: string, action = ''): string =>
  `/v1/keys/${encodeURIComponent(id.replace(/^mds_/, ''))}${action}${queryOf({ tenant })}`;
