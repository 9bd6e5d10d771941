// A process's copy of the identity directory: keys, issuers, tenants and revocations, found in one step. Entries that did
// not change stay the same objects, so that an identity made from one is known to be current by comparing references.

import { readMessage } from '../../schemas/coordination.ts';
import {
  DirectoryIssuer,
  DirectoryKey,
  DirectoryRevocation,
  DirectoryTenant,
  REVISION_FIELD,
} from '../../schemas/identity/directory.ts';

type Entry =
  | { readonly kind: 'key'; readonly value: DirectoryKey }
  | { readonly kind: 'issuer'; readonly value: DirectoryIssuer }
  | { readonly kind: 'tenant'; readonly value: DirectoryTenant }
  | { readonly kind: 'revocation'; readonly value: DirectoryRevocation };

export interface TokenFacts {
  readonly issuer: string;
  readonly subject: string;
  readonly jti: string | null;
  readonly issuedAtMs: number;
}

export class IdentityDirectory {
  #revision: string | null = null;
  #entries: ReadonlyMap<string, { readonly text: string; readonly entry: Entry }> = new Map();
  #keys: ReadonlyMap<string, DirectoryKey> = new Map();
  /** By the `iss` of their tokens. */
  #issuers: ReadonlyMap<string, DirectoryIssuer> = new Map();
  #tenants: ReadonlyMap<string, DirectoryTenant> = new Map();
  #revokedTokens: ReadonlySet<string> = new Set();
  /** When tokens of a subject must have been issued to count, ms since 1970. */
  #revokedBefore: ReadonlyMap<string, number> = new Map();

  /** Null until it was read for the first time. */
  get revision(): string | null {
    return this.#revision;
  }

  key(id: string): DirectoryKey | undefined {
    return this.#keys.get(id);
  }

  issuer(iss: string): DirectoryIssuer | undefined {
    return this.#issuers.get(iss);
  }

  tenant(id: string): DirectoryTenant | undefined {
    return this.#tenants.get(id);
  }

  isRevoked({ issuer, subject, jti, issuedAtMs }: TokenFacts): boolean {
    if (jti !== null && this.#revokedTokens.has(pairOf(issuer, jti))) return true;
    return issuedAtMs < (this.#revokedBefore.get(pairOf(issuer, subject)) ?? 0);
  }

  /**
   * @param fields the whole Redis hash
   * @returns false when it is not complete; the copy then stays as it was
   * @throws MdsError `MDS_COORDINATION_CORRUPT`; the copy then stays as it was
   */
  update(fields: Readonly<Record<string, string>>): boolean {
    const revision = fields[REVISION_FIELD];
    if (revision === undefined) return false;
    const entries = new Map<string, { readonly text: string; readonly entry: Entry }>();
    for (const [field, text] of Object.entries(fields)) {
      if (field === REVISION_FIELD) continue;
      const known = this.#entries.get(field);
      const entry = known?.text === text ? known.entry : readEntry(field, text);
      if (entry !== undefined) entries.set(field, { text, entry });
    }
    this.#entries = entries;
    this.#index([...entries.values()].map(({ entry }) => entry));
    this.#revision = revision;
    return true;
  }

  #index(entries: readonly Entry[]): void {
    const keys = new Map<string, DirectoryKey>();
    const issuers = new Map<string, DirectoryIssuer>();
    const tenants = new Map<string, DirectoryTenant>();
    const tokens = new Set<string>();
    const before = new Map<string, number>();
    for (const { kind, value } of entries) {
      if (kind === 'key') keys.set(value.id, value);
      if (kind === 'issuer') issuers.set(value.issuer, value);
      if (kind === 'tenant') tenants.set(value.id, value);
      if (kind !== 'revocation') continue;
      const { issuer, jti, subject, issuedBeforeMs } = value;
      if (jti !== null) tokens.add(pairOf(issuer, jti));
      if (subject === null || issuedBeforeMs === null) continue;
      const pair = pairOf(issuer, subject);
      before.set(pair, Math.max(before.get(pair) ?? 0, issuedBeforeMs));
    }
    this.#keys = keys;
    this.#issuers = issuers;
    this.#tenants = tenants;
    this.#revokedTokens = tokens;
    this.#revokedBefore = before;
  }
}

const pairOf = (issuer: string, rest: string): string => JSON.stringify([issuer, rest]);

/** @returns undefined for kinds of entries that a later version may add */
function readEntry(field: string, text: string): Entry | undefined {
  switch (field.slice(0, field.indexOf(':'))) {
    case 'key':
      return { kind: 'key', value: readMessage(DirectoryKey, text) };
    case 'issuer':
      return { kind: 'issuer', value: readMessage(DirectoryIssuer, text) };
    case 'tenant':
      return { kind: 'tenant', value: readMessage(DirectoryTenant, text) };
    case 'revocation':
      return { kind: 'revocation', value: readMessage(DirectoryRevocation, text) };
    default:
      return undefined;
  }
}
