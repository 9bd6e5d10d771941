-- What became of the events of durable subscriptions, by minute. Numbers are absolute for one epoch of one shard and only
-- grow, so copying them from Redis again changes nothing.

CREATE TABLE delivery_ledger (
  subscription_id text NOT NULL REFERENCES subscriptions ON DELETE CASCADE,
  minute          integer NOT NULL, -- since 1970
  shard           integer NOT NULL,
  epoch           bigint NOT NULL,
  -- In the order of LEDGER_COUNTS (schemas/durable.ts).
  counts          bigint[] NOT NULL,
  PRIMARY KEY (subscription_id, minute, shard, epoch)
);

CREATE INDEX delivery_ledger_by_age ON delivery_ledger (minute);
