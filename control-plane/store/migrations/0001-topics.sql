-- Tenants and their topics. A topic is a row, a Kafka topic and two registry subjects; `state` says how far that is.

CREATE TABLE tenants (
  tenant_id  text PRIMARY KEY CHECK (tenant_id ~ '^[a-z0-9][a-z0-9_-]*$'), -- no dots: Kafka topics are tenant.name
  created_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO tenants (tenant_id) VALUES ('default');

CREATE TABLE topics (
  topic_id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id       text NOT NULL REFERENCES tenants,
  name            text COLLATE "C" NOT NULL,
  kafka_topic     text NOT NULL UNIQUE,
  partitions      integer NOT NULL CHECK (partitions > 0),
  retention_ms    bigint NOT NULL,
  cleanup_policy  text NOT NULL CHECK (cleanup_policy IN ('delete', 'compact')),
  schema_json     text NOT NULL,
  schema_id       integer,
  batch_schema_id integer,
  state           text NOT NULL CHECK (state IN ('creating', 'ready', 'deleting')),
  -- True once the decision to create the Kafka topic was made: only then is it deleted with the row.
  kafka_created   boolean NOT NULL DEFAULT false,
  -- Whoever creates or deletes holds the row until then; behind it anybody may finish the work.
  lease_until     timestamptz NOT NULL DEFAULT now(),
  created_at      timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, name),
  CHECK (state <> 'ready' OR (schema_id IS NOT NULL AND batch_schema_id IS NOT NULL))
);
