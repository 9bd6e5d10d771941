import t from 'tap';
import type { Redis } from '../../../../platform/redis.ts';
import { TICKET_TTL_MS } from '../../../../schemas/ticket.ts';
import { Tickets } from '../../../../workers/edge/http/tickets.ts';

/** Redis as far as tickets need it; time does not pass in it. */
class PlayedRedis {
  readonly values = new Map<string, string>();
  readonly ttls: number[] = [];
  isAway = false;

  async set(key: string, value: string, _unit: 'PX', ttlMs: number): Promise<void> {
    if (this.isAway) throw new Error('away');
    this.values.set(key, value);
    this.ttls.push(ttlMs);
  }

  async getdel(key: string): Promise<string | null> {
    if (this.isAway) throw new Error('away');
    const value = this.values.get(key) ?? null;
    this.values.delete(key);
    return value;
  }
}

function setUp() {
  const redis = new PlayedRedis();
  const tickets = new Tickets(redis as unknown as Redis, 'test', () => 0); // nothing else of it is used
  return { redis, tickets };
}

t.test('a ticket gives back the credential once, and none where none was shown', async (t) => {
  const { redis, tickets } = setUp();
  const { ticket, expiresAt } = await tickets.make('mds_key_sécret');
  t.equal(expiresAt, new Date(TICKET_TTL_MS).toISOString());
  t.same(redis.ttls, [TICKET_TTL_MS]);
  t.equal(await tickets.use(ticket), 'mds_key_sécret');
  await t.rejects(tickets.use(ticket), { code: 'MDS_UNAUTHENTICATED' });
  t.equal(await tickets.use((await tickets.make(null)).ticket), null);
});

t.test('whoever reads Redis has neither a ticket nor a credential', async (t) => {
  const { redis, tickets } = setUp();
  const { ticket } = await tickets.make('mds_key_secret');
  const text = JSON.stringify([...redis.values]);
  const bytes = Buffer.concat([...redis.values.values()].map((value) => Buffer.from(value, 'base64url')));
  for (const secret of [ticket, 'mds_key_secret']) {
    t.notMatch(text, secret);
    t.notOk(bytes.includes(secret));
  }
});

t.test('what was not sealed with the ticket is nobody’s', async (t) => {
  const { redis, tickets } = setUp();
  const [first, second] = [await tickets.make('a'), await tickets.make('b')];
  const [key = '', other = ''] = redis.values.keys();
  redis.values.set(key, redis.values.get(other) ?? '');
  await t.rejects(tickets.use(first.ticket), { code: 'MDS_UNAUTHENTICATED' });
  redis.values.set(other, 'AA');
  await t.rejects(tickets.use(second.ticket), { code: 'MDS_UNAUTHENTICATED' });
});

t.test('what cannot be a ticket is not asked for, and Redis may be away', async (t) => {
  const { redis, tickets } = setUp();
  redis.isAway = true;
  for (const text of ['', 'x', 'mds_k1_secret', 'a'.repeat(33)]) {
    await t.rejects(tickets.use(text), { code: 'MDS_UNAUTHENTICATED' });
  }
  await t.rejects(tickets.use('a'.repeat(32)), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  await t.rejects(tickets.make(null), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
});
