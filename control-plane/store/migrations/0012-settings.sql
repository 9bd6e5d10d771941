-- What was changed of the configuration at run time, by kind of process.

CREATE TABLE settings (
  component  text PRIMARY KEY,
  revision   bigint NOT NULL,
  overrides  jsonb NOT NULL,
  changed_by text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now()
);
