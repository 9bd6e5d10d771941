-- Stream workers that are to own no partitions, because an operator wants to take them away.

CREATE TABLE cordoned_workers (
  worker_id   text PRIMARY KEY,
  cordoned_by text NOT NULL,
  cordoned_at timestamptz NOT NULL DEFAULT now()
);
