-- Durable subscriptions: named wishes that outlive connections. They go with their topic.

CREATE TABLE subscriptions (
  subscription_id text PRIMARY KEY,
  sequence        bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- order of lists: new ones come last
  tenant_id       text NOT NULL REFERENCES tenants,
  name            text NOT NULL,
  topic_id        integer NOT NULL REFERENCES topics ON DELETE CASCADE,
  filter          text NOT NULL,
  fields          text[],
  overflow        text NOT NULL CHECK (overflow IN ('resume')),
  created_at      timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, name)
);

CREATE INDEX subscriptions_by_topic ON subscriptions (topic_id);
