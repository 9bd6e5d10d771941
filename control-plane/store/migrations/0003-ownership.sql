-- Who owns which partition: the truth, written before anything is told to workers through Redis.

CREATE TABLE workers (
  worker_id           text PRIMARY KEY,
  assignment_revision bigint NOT NULL,
  last_seen_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE partition_ownership (
  topic_id         integer NOT NULL REFERENCES topics ON DELETE CASCADE,
  partition        integer NOT NULL CHECK (partition >= 0),
  epoch            bigint NOT NULL DEFAULT 0,
  state            text NOT NULL DEFAULT 'unowned' CHECK (state IN ('unowned', 'owned', 'revoking')),
  worker_id        text,
  release_revision bigint,
  PRIMARY KEY (topic_id, partition),
  CHECK ((state = 'unowned') = (worker_id IS NULL)),
  CHECK ((state = 'revoking') = (release_revision IS NOT NULL))
);

-- An epoch is given out once, whatever a process believes about itself.
CREATE FUNCTION refuse_lower_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.epoch < OLD.epoch
    OR (NEW.state = 'owned' AND NEW.epoch = OLD.epoch AND (OLD.state, OLD.worker_id) IS DISTINCT FROM ('owned', NEW.worker_id))
  THEN
    RAISE EXCEPTION 'epoch % of partition %/% was already given out', NEW.epoch, NEW.topic_id, NEW.partition;
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER partition_epoch_grows BEFORE UPDATE ON partition_ownership
  FOR EACH ROW EXECUTE FUNCTION refuse_lower_epoch();

-- The last elected control plane; it leads as long as its connection holds the advisory lock.
CREATE TABLE leader (
  only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  leader_id   text NOT NULL,
  backend_pid integer NOT NULL,
  elected_at  timestamptz NOT NULL DEFAULT now()
);
