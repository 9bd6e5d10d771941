-- Who may do what: tenants with their quotas, API keys, issuers of tokens, and tokens that were revoked.

ALTER TABLE tenants
  ADD COLUMN state  text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended')),
  -- Members that are missing have no limit.
  ADD COLUMN quotas jsonb NOT NULL DEFAULT '{}';

CREATE TABLE api_keys (
  key_id             text PRIMARY KEY,
  sequence           bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- order of lists: new ones come last
  tenant_id          text NOT NULL REFERENCES tenants,
  name               text NOT NULL,
  -- HMAC-SHA-256 of the secret under MDS_AUTH_SECRET, hex.
  hash               text NOT NULL,
  -- The secret before the last rotation, valid until then.
  previous_hash      text,
  previous_until     timestamptz,
  roles              text[] NOT NULL,
  grants             jsonb NOT NULL,
  claims             jsonb NOT NULL,
  created_by         text NOT NULL,
  created_at         timestamptz NOT NULL DEFAULT now(),
  rotated_at         timestamptz,
  expires_at         timestamptz,
  -- To the minute.
  last_used_at       timestamptz,
  revoked_at         timestamptz,
  CHECK ((previous_hash IS NULL) = (previous_until IS NULL))
);

CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id, sequence);

CREATE TABLE issuers (
  issuer_id             text PRIMARY KEY,
  sequence              bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  issuer                text NOT NULL UNIQUE, -- as tokens name it
  audiences             text[] NOT NULL,
  algorithms            text[] NOT NULL,
  -- {"jwksUrl": …} or {"jwks": {"keys": […]}}
  keys                  jsonb NOT NULL,
  clock_skew_seconds    integer NOT NULL,
  max_token_age_seconds integer NOT NULL,
  -- {"fixed": …} or {"claim": …, "allowed": […]}
  tenant                jsonb NOT NULL,
  roles                 text[] NOT NULL,
  grants                jsonb NOT NULL,
  grants_claim          text,
  created_at            timestamptz NOT NULL DEFAULT now()
);

-- Kept for as long as a token that it is about could still be valid.
CREATE TABLE token_revocations (
  revocation_id text PRIMARY KEY,
  sequence      bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  issuer        text NOT NULL,
  jti           text,
  subject       text,
  issued_before timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  kept_until    timestamptz NOT NULL,
  CHECK ((jti IS NULL) <> (subject IS NULL)),
  CHECK ((subject IS NULL) = (issued_before IS NULL))
);

CREATE INDEX token_revocations_by_age ON token_revocations (kept_until);
