-- Answers to creating requests, kept for a day so that a repeated request gets the first one's answer.

CREATE TABLE idempotency_keys (
  tenant_id    text NOT NULL REFERENCES tenants,
  key          text NOT NULL,
  request_hash text NOT NULL,
  -- NULL while the first request is being worked on.
  status       integer,
  response     text,
  lease_until  timestamptz NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, key),
  CHECK ((status IS NULL) = (response IS NULL))
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
