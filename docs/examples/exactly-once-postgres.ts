// Counts the events of each host in Postgres, every event exactly once, whatever dies at whatever moment: a batch's counts
// and the position behind it are one transaction. While `make run` runs:
//   .toolchain/bin/node docs/examples/exactly-once-postgres.ts
//   psql postgres://mds@127.0.0.1:9405/mds -c 'SELECT * FROM exactly_once_example.counts'
//
// A second instance takes over from the first, which ends with MDS_POSITION_CONFLICT at its next commit.

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { connect, MdsError, type Store } from '../../client/library/index.ts';

const { MDS_API_URL, MDS_API_KEY, MDS_POSTGRES_URL, TOPIC = 'host.metrics', COUNT_BY = 'host' } = process.env;
/** Whose position it is: instances of the same name continue each other's work. */
const NAME = `${TOPIC} by ${COUNT_BY}`;
const TABLES = `
  CREATE SCHEMA IF NOT EXISTS exactly_once_example;
  CREATE TABLE IF NOT EXISTS exactly_once_example.positions (name text PRIMARY KEY, position text, owner text);
  CREATE TABLE IF NOT EXISTS exactly_once_example.counts (
    name text, value text, count bigint NOT NULL, PRIMARY KEY (name, value)
  );`;

const TAKE_OVER = `
  INSERT INTO exactly_once_example.positions VALUES ($1, NULL, $2)
  ON CONFLICT (name) DO UPDATE SET owner = EXCLUDED.owner`;
const MOVE = `
  UPDATE exactly_once_example.positions SET position = $2
  WHERE name = $1 AND position IS NOT DISTINCT FROM $3 AND owner = $4`;

type Event = Readonly<Record<string, unknown>>;

const pool = new pg.Pool({
  connectionString: MDS_POSTGRES_URL ?? 'postgres://mds@127.0.0.1:9405/mds',
  max: 1,
  connectionTimeoutMillis: 5000,
});
pool.on('error', (error) => console.error('Postgres is away:', error.message)); // the next commit connects again

/** This instance: whoever loads a position owns it from then on, and the one before moves it no more. */
const owner = randomUUID();
/** Where this instance believes the position to be. */
let known: string | null = null;

const store: Store<Event> = {
  async load() {
    await pool.query(TABLES);
    await pool.query(TAKE_OVER, [NAME, owner]);
    known = (await stored(pool)).position;
    return known;
  },

  async onBatch(events, position) {
    const connection = await pool.connect();
    let isBroken = true;
    const onError = (error: Error): void => console.error('Postgres went away:', error.message); // the query fails as well
    connection.on('error', onError);
    try {
      await connection.query('BEGIN');
      if (await movePosition(connection, position)) await count(connection, events);
      await connection.query('COMMIT');
      known = position;
      isBroken = false;
    } finally {
      connection.off('error', onError);
      connection.release(isBroken); // closing it rolls back what was not committed
    }
  },
};

/**
 * Compares and sets: the row's lock lets one instance at a time through, and the others find that it is no longer theirs.
 *
 * @returns false when this very batch is committed already, and only the answer was lost
 */
async function movePosition(connection: pg.PoolClient, position: string): Promise<boolean> {
  const { rowCount } = await connection.query(MOVE, [NAME, position, known, owner]);
  if (rowCount === 1) return true;
  const now = await stored(connection);
  if (now.owner === owner && now.position === position) return false;
  throw new MdsError('MDS_POSITION_CONFLICT');
}

interface Stored {
  readonly position: string | null;
  readonly owner: string | null;
}

async function stored(connection: pg.Pool | pg.PoolClient): Promise<Stored> {
  const { rows } = await connection.query<Stored>(
    'SELECT position, owner FROM exactly_once_example.positions WHERE name = $1',
    [NAME],
  );
  return rows[0] ?? { position: null, owner: null };
}

async function count(connection: pg.PoolClient, events: readonly { readonly data: Event }[]): Promise<void> {
  const counts = new Map<string, number>();
  for (const { data } of events) {
    const value = String(data[COUNT_BY]);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  await connection.query(
    `INSERT INTO exactly_once_example.counts AS known
     SELECT $1, value, count FROM unnest($2::text[], $3::bigint[]) AS new (value, count)
     ON CONFLICT (name, value) DO UPDATE SET count = known.count + EXCLUDED.count`,
    [NAME, [...counts.keys()], [...counts.values()]],
  );
}

const client = connect({ api: MDS_API_URL ?? 'http://127.0.0.1:9400', credential: MDS_API_KEY });
process.once('SIGINT', () => client.close());
const counting = client.subscribe<Event>({
  topic: TOPIC,
  fields: [COUNT_BY],
  store,
  onGap: (gap) => console.error('Kafka no longer holds', gap),
  onState: (state, error) => console.log(new Date().toISOString(), state, error?.message ?? ''),
});
try {
  await counting.finished;
} finally {
  client.close();
  await pool.end();
}
