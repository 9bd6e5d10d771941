-- An index of the tenants' dead-letter topics, to search and to act on; the bytes stay in Kafka. Rows go when the topic's
-- retention has deleted their records.

CREATE TABLE dead_letters (
  -- Hash of where the event is and whose it was: writing a letter twice is one row.
  dead_letter_id    text PRIMARY KEY,
  sequence          bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- order of lists
  tenant_id         text NOT NULL REFERENCES tenants,
  topic             text NOT NULL,
  kafka_topic       text NOT NULL,
  partition         integer NOT NULL,
  record_offset     bigint NOT NULL,
  event_index       integer, -- NULL: the whole record, which nobody could get
  subscription_id   text,
  subscription_name text,
  shard             integer,
  reason            text NOT NULL,
  message           text NOT NULL,
  attempts          integer NOT NULL,
  consumer          text,
  record_key        text, -- where the record's key is text
  rejected_at       timestamptz NOT NULL,
  state             text NOT NULL DEFAULT 'dead' CHECK (state IN ('dead', 'redriving', 'redriven', 'purged')),
  changed_at        timestamptz NOT NULL DEFAULT now(),
  -- How often it was redriven.
  redrives          integer NOT NULL DEFAULT 0,
  dlq_topic         text NOT NULL,
  dlq_partition     integer NOT NULL,
  dlq_offset        bigint NOT NULL
);

CREATE INDEX dead_letters_by_subscription ON dead_letters (subscription_id, sequence) WHERE subscription_id IS NOT NULL;
CREATE INDEX dead_letters_by_topic ON dead_letters (tenant_id, topic, sequence);
CREATE INDEX dead_letters_redriving ON dead_letters (sequence) WHERE state = 'redriving';
CREATE INDEX dead_letters_by_place ON dead_letters (dlq_topic, dlq_partition, dlq_offset);

-- How far each dead-letter topic is indexed; moves in the transaction that indexes.
CREATE TABLE dead_letter_positions (
  dlq_topic     text NOT NULL,
  dlq_partition integer NOT NULL,
  next_offset   bigint NOT NULL,
  PRIMARY KEY (dlq_topic, dlq_partition)
);

-- Redriving many at a bounded rate: done by the leader, step by step.
CREATE TABLE dead_letter_redrives (
  redrive_id      text PRIMARY KEY,
  tenant_id       text NOT NULL REFERENCES tenants,
  filter          jsonb NOT NULL,
  rate_per_second double precision NOT NULL CHECK (rate_per_second > 0),
  state           text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'cancelled')),
  total           integer NOT NULL,
  redriven        integer NOT NULL DEFAULT 0,
  failed          integer NOT NULL DEFAULT 0,
  -- Letters up to here were dealt with; those behind last_sequence came later and are left alone.
  after_sequence  bigint NOT NULL DEFAULT 0,
  last_sequence   bigint NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now()
);
