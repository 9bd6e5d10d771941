-- Who did what: one row for each action on a control resource, written in the transaction that acts wherever the resource is
-- in this database. Rows are never changed; only retention deletes them, through prune_audit_log.

CREATE TABLE audit_log (
  sequence     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  tenant_id    text NOT NULL, -- whose resource; no reference: the log outlives tenants
  subject      text NOT NULL,
  subject_tenant text NOT NULL,
  address      text NOT NULL,
  request_id   text NOT NULL,
  action       text NOT NULL,
  kind         text NOT NULL,
  resource_id  text,
  outcome      text NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
  code         text,
  before       jsonb,
  after        jsonb
);

CREATE INDEX audit_log_by_tenant ON audit_log (tenant_id, sequence);
CREATE INDEX audit_log_by_age ON audit_log (at);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('mds.audit_retention', true) = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'the audit log is only ever added to';
END $$;

CREATE TRIGGER audit_log_is_kept BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_log_is_not_emptied BEFORE TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- Deletes what is too old, or too much, at most so many rows; gives how many.
CREATE FUNCTION prune_audit_log(keep_days integer, keep_rows bigint, at_most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  pruned integer;
BEGIN
  PERFORM set_config('mds.audit_retention', 'on', true);
  DELETE FROM audit_log WHERE sequence IN (
    SELECT sequence FROM audit_log
    WHERE at < now() - make_interval(days => keep_days)
      OR sequence <= (SELECT max(sequence) FROM audit_log) - keep_rows
    ORDER BY sequence LIMIT at_most);
  GET DIAGNOSTICS pruned = ROW_COUNT;
  PERFORM set_config('mds.audit_retention', 'off', true);
  RETURN pruned;
END $$;

-- What a durable subscription may show of its topic at most: the mandatory filter of whoever created it, and who that was.
ALTER TABLE subscriptions
  ADD COLUMN mandatory_filter text NOT NULL DEFAULT '',
  ADD COLUMN planned_filter   text, -- what was asked for and what is mandatory in one; NULL: nothing was mandatory
  ADD COLUMN created_by       text;

-- The same of a route: part of its plan already, kept here to be seen.
ALTER TABLE routes
  ADD COLUMN mandatory_filter text NOT NULL DEFAULT '',
  ADD COLUMN created_by       text;

-- Kafka takes a.b and a_b for one name in its metrics, and refuses the second. Without underscores in tenants, no tenant's
-- topics can stand in the way of another's.
ALTER TABLE tenants ADD CONSTRAINT tenant_without_underscore CHECK (tenant_id ~ '^[a-z0-9][a-z0-9-]*$');
