// Who somebody is, to which tenant they belong, and what they may do. Made by an authenticator from an API key or a token;
// every door asks it before it does anything, so that no door has rules of its own.

/** `subscribe` reads events in any way: live, replayed, aggregated. `manage` creates, changes and deletes. */
export const ACTIONS = ['publish', 'subscribe', 'manage'] as const;
export type Action = (typeof ACTIONS)[number];

export interface Grant {
  readonly actions: readonly Action[];
  /** Topic names of the tenant; a `*` at the end stands for any rest, alone for all. */
  readonly topics: readonly string[];
  /** CEL that every event read under this grant must satisfy; may read `claims.…` of the identity. */
  readonly filter?: string;
}

/**
 * `admin` manages its tenant: keys, quotas as far as they are its own, the audit log. `operator` manages the installation:
 * tenants, issuers, workers, edges, configuration; it is admin of every tenant.
 */
export const ROLES = ['admin', 'operator'] as const;
export type Role = (typeof ROLES)[number];

export interface Identity {
  readonly tenant: string;
  /** `key:{id}`, `token:{issuer}#{sub}`, or `open` while authentication is off. Stands in audit log, limits and metrics' logs. */
  readonly subject: string;
  readonly kind: 'key' | 'token' | 'open';
  readonly roles: readonly Role[];
  readonly grants: readonly Grant[];
  /** What filters of grants may read as `claims.…`: the token's claims; for a key those that it was made with. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** ms since 1970; null: does not expire by itself. */
  readonly expiresAtMs: number | null;
}

export const DEFAULT_TENANT = 'default';

/** Everybody, while authentication is off: that is possible on loopback only. */
export const OPEN_IDENTITY: Identity = {
  tenant: DEFAULT_TENANT,
  subject: 'open',
  kind: 'open',
  roles: ['admin', 'operator'],
  grants: [{ actions: ACTIONS, topics: ['*'] }],
  claims: {},
  expiresAtMs: null,
};

/** What a tenant may use at most; null: no limit. */
export interface TenantQuotas {
  readonly eventsInPerSecond: number | null;
  readonly deliveriesPerSecond: number | null;
  readonly bytesOutPerSecond: number | null;
  readonly connections: number | null;
  readonly subscriptions: number | null;
  readonly topics: number | null;
  /** Units of `costOf` (schemas/plan/cost.ts), summed over the live subscriptions. */
  readonly filterCost: number | null;
}

export const NO_QUOTAS: TenantQuotas = {
  eventsInPerSecond: null,
  deliveriesPerSecond: null,
  bytesOutPerSecond: null,
  connections: null,
  subscriptions: null,
  topics: null,
  filterCost: null,
};

export const isOperator = ({ roles }: Identity): boolean => roles.includes('operator');
export const isAdmin = (identity: Identity): boolean => identity.roles.includes('admin') || isOperator(identity);

/** Whether some grant allows the action on the topic. Admins may do everything within their tenant. */
export function mayDo(identity: Identity, action: Action, topic: string): boolean {
  return isAdmin(identity) || grantsFor(identity, action, topic).length > 0;
}

/** The grants that allow the action on the topic. */
export function grantsFor({ grants }: Identity, action: Action, topic: string): readonly Grant[] {
  return grants.filter(({ actions, topics }) => actions.includes(action) && topics.some((name) => covers(name, topic)));
}

/** Whether a name in a grant means the topic. */
export const covers = (pattern: string, topic: string): boolean =>
  pattern.endsWith('*') ? topic.startsWith(pattern.slice(0, -1)) : pattern === topic;
