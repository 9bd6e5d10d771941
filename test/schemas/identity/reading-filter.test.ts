// What an identity reads is what it asked for and what its grants demand, whatever it asks.

import t from 'tap';
import type { AvroRecord } from '../../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { isMdsErrorCode, MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { readingFilter } from '../../../schemas/identity/reading-filter.ts';
import { compileFilter } from '../../../schemas/plan/evaluate.ts';
import { makePlan } from '../../../schemas/plan/plan.ts';
import { aGrant, anIdentity } from './builders.ts';

const SCHEMA = recordOf({
  type: 'record',
  name: 'test.Event',
  fields: [
    { name: 'severity', type: { type: 'enum', name: 'Severity', symbols: ['INFO', 'WARNING', 'CRITICAL'] } },
    { name: 'value', type: 'double' },
    { name: 'count', type: 'long' },
    { name: 'host', type: 'string' },
    { name: 'claims', type: 'string' },
    { name: 'labels', type: { type: 'map', values: 'string' } },
  ],
});

function recordOf(json: unknown): AvroRecord {
  const type = parseAvroSchema(json);
  if (type.kind !== 'record') throw new Error('not a record');
  return type;
}

const anEvent = (fields: Record<string, unknown> = {}) => ({
  severity: 'INFO',
  value: 1,
  count: 1,
  host: 'a',
  claims: 'field',
  labels: { team: 'sre' },
  ...fields,
});

/** Whether the identity, asking for `asked`, gets the event. */
function reads(identity: Identity, asked: string, event: Record<string, unknown>): boolean {
  const filter = readingFilter(identity, 'events', asked, SCHEMA);
  return compileFilter(makePlan({ filter }, SCHEMA), SCHEMA)(event);
}

const restricted = (filter: string, claims: Record<string, unknown> = {}): Identity =>
  anIdentity({ grants: [aGrant({ filter })], claims });

const sre = restricted('labels["team"] == "sre"');
const OWN = anEvent();
const OTHERS = anEvent({ labels: { team: 'dba' } });

t.test('every event of the mandatory filter is read when nothing is asked, and no other', async (t) => {
  for (const asked of ['', '  ', 'true']) {
    t.ok(reads(sre, asked, OWN), asked);
    t.notOk(reads(sre, asked, OTHERS), asked);
  }
});

t.test('what is asked narrows what is read', async (t) => {
  t.ok(reads(sre, 'severity >= WARNING', anEvent({ severity: 'CRITICAL' })));
  t.notOk(reads(sre, 'severity >= WARNING', OWN));
});

const ESCAPES = [
  'true) || (true',
  'true)) || ((true',
  'true || true',
  'false ? false : true',
  'true // ',
  'true) // ',
  'true //\n|| true',
  '//\ntrue || (true)',
  '"',
  '"""',
  "'''",
  '"\\"',
  '(',
  ')',
  'true) || ("',
  'labels["team"] != "sre"',
  'labels.exists(k, true) || true',
  '!(labels["team"] == "sre")',
  'labels["team"] == "sre" || labels["team"] == "dba"',
  'r"\\" || true || r"',
  'true\u{0}) || (true',
  'true\r) || (true',
  'claims == "field" || true',
  '[true].exists(labels, true)',
];

t.test('no filter that can be asked widens what is read', async (t) => {
  for (const asked of ESCAPES) {
    let read = false;
    try {
      read = reads(sre, asked, OTHERS);
    } catch (error) {
      t.ok(error instanceof MdsError && isMdsErrorCode(error.code), asked);
    }
    t.notOk(read, asked);
  }
});

t.test('an error in what was asked has its place there, and says nothing of the grants', async (t) => {
  const cases: readonly (readonly [asked: string, code: string, offset: number])[] = [
    ['true) || (true', 'MDS_FILTER_SYNTAX', 4],
    ['value > 1 &&\n  hots == "a"', 'MDS_FILTER_UNKNOWN_FIELD', 15],
    ['value > "a"', 'MDS_FILTER_TYPE', 6],
    ['claims.team == "sre"', 'MDS_FILTER_TYPE', 7],
  ];
  for (const [asked, code, offset] of cases) {
    const error = t.throws(() => readingFilter(sre, 'events', asked, SCHEMA), { code });
    t.match(error, { details: { at: { offset } } }, asked);
    t.notMatch(JSON.stringify(error), /labels/, asked);
  }
});

t.test('claims of the identity stand in the filter of a grant', async (t) => {
  const cases: readonly (readonly [filter: string, claims: Record<string, unknown>])[] = [
    ['labels["team"] == claims.team', { team: 'sre' }],
    ['labels["team"] == claims["team"]', { team: 'sre' }],
    ['labels["team"] == claims.org.team', { org: { team: 'sre' } }],
    ['labels["team"] == claims["https://example.com/team"]', { 'https://example.com/team': 'sre' }],
    ['labels["team"] in claims.teams', { teams: ['x', 'sre'] }],
    ['claims.team == labels["team"]', { team: 'sre' }],
    ['labels.exists(k, k == "team" && labels[k] == claims.team)', { team: 'sre' }],
    ['value >= claims.least && labels["team"] == "sre"', { least: 0.5 }],
    ['count >= claims.least && labels["team"] == "sre"', { least: 1 }],
    ['claims.all || labels["team"] == "sre"', { all: false }],
    ['severity == claims.level && labels["team"] == "sre"', { level: 'INFO' }],
    ['labels["team"].matches(claims.pattern)', { pattern: '^sre$' }],
  ];
  for (const [filter, claims] of cases) {
    t.ok(reads(restricted(filter, claims), '', OWN), filter);
    t.notOk(reads(restricted(filter, claims), '', OTHERS), filter);
  }
});

t.test('a claim is a value, never a piece of the filter', async (t) => {
  for (const team of ['" || true || "', '"', '\\', 'dba" || "" == "', 'sre") || (true', '\n', '\u{d800}']) {
    let read = false;
    try {
      read = reads(restricted('labels["team"] == claims.team', { team }), '', OTHERS);
    } catch (error) {
      t.match(error, { code: 'MDS_FORBIDDEN' }, JSON.stringify(team));
    }
    t.notOk(read, JSON.stringify(team));
  }
});

t.test('a claim that is missing or cannot be used allows nothing', async (t) => {
  const filter = 'labels["team"] == claims.team';
  const unusable = [
    {},
    { team: null },
    { team: { a: 1 } },
    { team: ['a', 1] },
    { team: undefined },
    { team: Number.NaN },
  ];
  for (const claims of unusable) {
    t.throws(() => readingFilter(restricted(filter, claims), 'events', '', SCHEMA), { code: 'MDS_FORBIDDEN' });
  }
  const prototypes = [
    'claims.constructor.name == "Object"',
    'claims["__proto__"]["x"] == ""',
    'claims.team.length == 3',
  ];
  const others = [
    'claims == "field"',
    'has(claims.team)',
    'has(claims)',
    'claims[labels["team"]] == "sre"',
    'host == claims.team',
  ];
  for (const each of [...prototypes, ...others]) {
    const claims = each.startsWith('host') ? { team: ['a'] } : { team: 'sre' };
    t.throws(() => readingFilter(restricted(each, claims), 'events', '', SCHEMA), { code: 'MDS_FORBIDDEN' }, each);
  }
});

t.test('a field named claims is read as event.claims, by grants too', async (t) => {
  t.ok(reads(restricted('event.claims == claims.what', { what: 'field' }), 'claims == "field"', OWN));
  t.notOk(reads(restricted('event.claims == claims.what', { what: 'other' }), '', OWN));
});

t.test('each grant adds to what may be read; one without a filter allows all', async (t) => {
  const grants = [aGrant({ filter: 'labels["team"] == "sre"' }), aGrant({ filter: 'labels["team"] == "dba"' })];
  const both = anIdentity({ grants });
  t.ok(reads(both, '', OWN) && reads(both, '', OTHERS));
  t.notOk(reads(both, '', anEvent({ labels: { team: 'web' } })));
  t.ok(reads(anIdentity({ grants: [...grants, aGrant({ filter: ' ' })] }), '', anEvent({ labels: {} })));
});

t.test('a grant whose filter does not fit the topic adds nothing to the others', async (t) => {
  const grants = [aGrant({ filter: 'labels["team"] == "sre"' }), aGrant({ filter: 'nothing == claims.none || true' })];
  t.ok(reads(anIdentity({ grants }), '', OWN));
  t.notOk(reads(anIdentity({ grants }), '', OTHERS));
});

t.test('grants of other topics and for other actions allow no reading', async (t) => {
  for (const grant of [
    aGrant({ topics: ['other', 'ev', 'events2', 'x*'] }),
    aGrant({ actions: ['publish', 'manage'] }),
  ]) {
    t.throws(() => readingFilter(anIdentity({ grants: [grant] }), 'events', '', SCHEMA), { code: 'MDS_FORBIDDEN' });
  }
  t.throws(() => readingFilter(anIdentity({ grants: [] }), 'events', 'true', SCHEMA), { code: 'MDS_FORBIDDEN' });
});

t.test('admins read what they ask for', async (t) => {
  const admin = anIdentity({ roles: ['admin'], grants: [] });
  t.equal(readingFilter(admin, 'events', 'value > 1', SCHEMA), 'value > 1');
});

t.test(
  'a filter that only together with the mandatory one is too much is told the limit of its own half',
  async (t) => {
    const long = restricted(`host in [${Array.from({ length: 100 }, (_, i) => `"host-${i}"`).join(', ')}]`);
    const asked = `host in [${Array.from({ length: 300 }, (_, i) => `"host-${i}"`).join(', ')}]`;
    const error = t.throws(() => readingFilter(long, 'events', asked, SCHEMA), { code: 'MDS_FILTER_TOO_LONG' });
    t.match(error, { details: { limit: 2048, at: { offset: 0, length: asked.length } } });
  },
);
