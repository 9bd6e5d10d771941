-- Routes from one topic to another. They go with either topic.

CREATE TABLE routes (
  route_id        text PRIMARY KEY,
  sequence        bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- order of lists: new ones come last
  tenant_id       text NOT NULL REFERENCES tenants,
  name            text NOT NULL,
  topic_id        integer NOT NULL REFERENCES topics ON DELETE CASCADE,
  target_topic_id integer NOT NULL REFERENCES topics ON DELETE CASCADE,
  filter          text NOT NULL,
  -- Of format avro, as it was made when the route was.
  plan            jsonb NOT NULL,
  -- Array of [partition, offset]: where the route begins.
  start           jsonb NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, name),
  CHECK (topic_id <> target_topic_id)
);

CREATE INDEX routes_by_topic ON routes (topic_id);
CREATE INDEX routes_by_target ON routes (target_topic_id);
