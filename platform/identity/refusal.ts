// Why somebody was not let in. The reason goes to a metric and to nobody else: whoever tries credentials learns nothing.

import { MdsError } from '../../schemas/errors.ts';

export const REFUSALS = [
  'missing',
  'malformed',
  'key_unknown',
  'key_secret',
  'key_expired',
  'issuer_unknown',
  'algorithm',
  'signing_key_unknown',
  'signature',
  'expired',
  'not_yet_valid',
  'too_old',
  'audience',
  'claims',
  'grants',
  'tenant',
  'tenant_suspended',
  'revoked',
] as const;
export type Refusal = (typeof REFUSALS)[number];

/** Thrown within platform/identity only; doors see MDS_UNAUTHENTICATED. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly reason: Refusal;

  constructor(reason: Refusal, options?: { readonly cause?: unknown }) {
    super(reason, options);
    this.reason = reason;
  }
}

/** The same for every reason. */
export const unauthenticated = (): MdsError => new MdsError('MDS_UNAUTHENTICATED');
