-- How a durable subscription delivers, and where it was last put. Where each shard of it stands now is Redis' to say;
-- durable_shards holds that some seconds old, for a Redis that forgot.

ALTER TABLE subscriptions
  DROP COLUMN overflow, -- a durable subscription never leaves anything out
  ADD COLUMN state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
  ADD COLUMN ack_timeout_ms  integer NOT NULL DEFAULT 30000 CHECK (ack_timeout_ms > 0),
  ADD COLUMN backoff_base_ms integer NOT NULL DEFAULT 1000 CHECK (backoff_base_ms > 0),
  ADD COLUMN backoff_max_ms  integer NOT NULL DEFAULT 300000 CHECK (backoff_max_ms >= backoff_base_ms),
  ADD COLUMN max_attempts    integer NOT NULL DEFAULT 5 CHECK (max_attempts > 0),
  ADD COLUMN max_in_flight   integer NOT NULL DEFAULT 1000 CHECK (max_in_flight > 0),
  ADD COLUMN group_key       text[],
  ADD COLUMN group_shards    integer CHECK (group_shards BETWEEN 1 AND 64),
  ADD COLUMN seek_revision   bigint NOT NULL DEFAULT 1,
  -- Array of [partition, offset, index]; a partition that is missing stands at its beginning.
  ADD COLUMN seek_position   jsonb NOT NULL DEFAULT '[]',
  -- Grows with every change.
  ADD COLUMN revision        bigint NOT NULL DEFAULT 1,
  ADD CHECK ((group_key IS NULL) = (group_shards IS NULL));

CREATE TABLE durable_shards (
  subscription_id text NOT NULL REFERENCES subscriptions ON DELETE CASCADE,
  shard           integer NOT NULL CHECK (shard >= 0),
  epoch           bigint NOT NULL,
  state           jsonb NOT NULL,
  updated_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (subscription_id, shard)
);
