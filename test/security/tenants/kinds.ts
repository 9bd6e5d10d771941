// Every kind of identity that may knock: nobody, those of another tenant with each grant there is, and those that are no
// longer valid. None of them has any business with the victim.

import { setTimeout as sleep } from 'node:timers/promises';
import type { GuardedService, KeyWish } from '../harness/guarded-service.ts';

export interface Knocker {
  readonly kind: string;
  readonly credential: string | null;
  /** Whether it is somebody at all. */
  readonly isKnown: boolean;
}

const ALL = { topics: ['*'] };

const KEYS: Readonly<Record<string, Omit<KeyWish, 'tenant'>>> = {
  "another tenant's key, with every grant": { grants: [{ ...ALL, actions: ['publish', 'subscribe', 'manage'] }] },
  'a key without any grant': { grants: [] },
  'a key that may only read': { grants: [{ ...ALL, actions: ['subscribe'] }] },
  'a key that may only publish': { grants: [{ ...ALL, actions: ['publish'] }] },
  'a key that may only manage': { grants: [{ ...ALL, actions: ['manage'] }] },
  'an admin of another tenant': { roles: ['admin'] },
  'a key with a mandatory filter': {
    grants: [{ ...ALL, actions: ['subscribe', 'manage'], filter: 'id == claims.team' }],
    claims: { team: 'x' },
  },
};

export async function makeKnockers(guarded: GuardedService, tenant: string): Promise<Knocker[]> {
  const valid = await Promise.all(
    Object.entries(KEYS).map(async ([kind, wish]): Promise<Knocker> => {
      const { credential } = await guarded.newKey({ tenant, ...wish });
      return { kind, credential, isKnown: true };
    }),
  );
  const everything = { tenant, roles: ['admin'] };
  const revoked = await guarded.newKey(everything);
  await guarded.must('DELETE', `/v1/keys/${revoked.id}?tenant=${tenant}`);
  const expired = await guarded.newKey({ ...everything, expiresInSeconds: 2 });
  await sleep(2000); // it is valid for that long
  for (const { credential } of [revoked, expired]) {
    await guarded.isKnown(credential, [guarded.service.controlPlane], false);
  }
  return [
    { kind: 'nobody', credential: null, isKnown: false },
    { kind: 'a key that was revoked', credential: revoked.credential, isKnown: false },
    { kind: 'a key that has expired', credential: expired.credential, isKnown: false },
    ...valid,
  ];
}
