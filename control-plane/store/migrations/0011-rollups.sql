-- Rollups: aggregates of the events of a topic by series and time. They and the offsets up to which they hold change in one
-- transaction, so that what stands here is exactly what Kafka holds before these offsets.
--
--   rollup_deltas    what one flush added to one minute, second by second; merged into rollup_minutes when the minute closes
--   rollup_minutes   one block for each minute, partition and rollup; rollup_hours the same for hours
--
-- Blocks are bytes (schemas/rollup/series-block.ts). The three tables are partitioned by time; workers create and drop slices.

CREATE TABLE rollups (
  rollup_id    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic_id     integer NOT NULL UNIQUE REFERENCES topics ON DELETE CASCADE,
  -- schemas/rollup/definition.ts
  definition   jsonb NOT NULL,
  -- False: the topic's default, made from its schema.
  is_chosen    boolean NOT NULL,
  series_count integer NOT NULL DEFAULT 0,
  created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE rollup_series (
  rollup_id integer NOT NULL REFERENCES rollups ON DELETE CASCADE,
  series_id integer NOT NULL CHECK (series_id > 0), -- 0 is the overflow
  key       text COLLATE "C" NOT NULL,
  PRIMARY KEY (rollup_id, series_id),
  UNIQUE (rollup_id, key)
);

CREATE TABLE rollup_states (
  rollup_id          integer NOT NULL REFERENCES rollups ON DELETE CASCADE,
  partition          integer NOT NULL,
  -- One more with each flush; whoever flushes names the one it has seen, so that a replaced worker cannot.
  seq                bigint NOT NULL DEFAULT 0,
  -- Every record before it is counted, none behind it.
  next_offset        bigint NOT NULL DEFAULT 0,
  newest_micros      bigint NOT NULL DEFAULT 0,
  -- Minutes since 1970: this one and older ones take no more events.
  closed_minute      integer NOT NULL DEFAULT 0,
  events             bigint NOT NULL DEFAULT 0,
  late_events        bigint NOT NULL DEFAULT 0,
  ahead_events       bigint NOT NULL DEFAULT 0,
  unreadable_records bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (rollup_id, partition)
);

CREATE TABLE rollup_deltas (
  rollup_id integer NOT NULL,
  partition integer NOT NULL,
  minute    integer NOT NULL,
  seq       bigint NOT NULL,
  block     bytea NOT NULL,
  PRIMARY KEY (rollup_id, minute, partition, seq)
) PARTITION BY RANGE (minute);

CREATE TABLE rollup_minutes (
  rollup_id integer NOT NULL,
  partition integer NOT NULL,
  minute    integer NOT NULL,
  block     bytea NOT NULL,
  PRIMARY KEY (rollup_id, minute, partition)
) PARTITION BY RANGE (minute);

CREATE TABLE rollup_hours (
  rollup_id integer NOT NULL,
  partition integer NOT NULL,
  hour      integer NOT NULL,
  block     bytea NOT NULL,
  PRIMARY KEY (rollup_id, hour, partition)
) PARTITION BY RANGE (hour);
