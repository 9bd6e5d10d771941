// S5: every operation of the OpenAPI document, at whichever process answers it, tried by every kind of identity on another
// tenant's things. Whoever is nobody learns nothing; whoever is somebody else gets, letter by letter, the answer that
// they get for things that do not exist. Nothing of the victim shows in any answer, and nothing it has is changed.

import t, { type Test } from 'tap';
import type { ApiDocument } from '../../../platform/openapi/complete-document.ts';
import type { TestProcess } from '../../integration/harness/processes.ts';
import { type Answer, ask, GuardedService, UNLIMITED } from '../harness/guarded-service.ts';
import { type Attempt, attemptsOf, type Ids, RESOURCES } from './attempts.ts';
import { type Knocker, makeKnockers } from './kinds.ts';
import { holdingsOf, makeVictim, phantomOf } from './victim.ts';

const AT_ONCE = 8;

t.setTimeout(240_000);
const guarded = await GuardedService.start(t, UNLIMITED);
const [ingest, query] = [await guarded.service.addIngest(), await guarded.service.addQuery()];
await Promise.all([ingest.start(), query.start()]);
const doors: Readonly<Record<string, TestProcess>> = { ingest, query, edge: guarded.service.edge(0) };
const victim = await makeVictim(guarded);
const attacker = await guarded.newTenant('attacker');
const knockers = await makeKnockers(guarded, attacker);
const phantoms = phantomOf(victim.ids);
const document: ApiDocument = await guarded.must('GET', '/openapi.json');
const attempts = attemptsOf(document);
t.comment(`${attempts.length} attempts, ${knockers.length} kinds of identity`);

function asked({ door, method, path, body, contentType }: Attempt, ids: Ids, { credential }: Knocker): Promise<Answer> {
  const process = door === undefined ? guarded.service.controlPlane : doors[door];
  if (!process) throw new Error(`no ${door} runs here`);
  const headers = { 'content-type': contentType };
  return ask(process.httpUrl, method, path(ids), {
    credential,
    ...(body === null ? {} : { body: body(ids), headers }),
  });
}

/** Without what a request itself brought along. */
function neutral({ status, text }: Answer, ids: Ids): string {
  let bare = text;
  for (const [at, resource] of RESOURCES.entries()) {
    bare = bare.replaceAll(new RegExp(`(?<![\\w-])${ids[resource]}(?![\\w-])`, 'g'), `x${at}x`); // beside a letter no id is found
  }
  return `${status} ${bare.replace(/"reference":"[^"]*"/, '')}`;
}

async function tryOne(t: Test, attempt: Attempt, knocker: Knocker): Promise<void> {
  const answer = await asked(attempt, victim.ids, knocker);
  const name = `${knocker.kind}: ${attempt.name}`;
  if (!knocker.isKnown) {
    if (answer.status !== 401) t.fail(`${name} is answered ${answer.status} ${answer.text}`);
    return;
  }
  if (answer.status >= 500) t.fail(`${name} is answered ${answer.status} ${answer.text}`);
  if (attempt.isAimed) {
    const control = await asked(attempt, phantoms, knocker);
    const [theirs, nobodys] = [neutral(answer, victim.ids), neutral(control, phantoms)];
    if (theirs !== nobodys) t.fail(`${name} tells more than of what does not exist: ${theirs} and not ${nobodys}`);
  } else {
    const shown = victim.marks.filter((mark) => answer.text.includes(mark));
    if (shown.length > 0) t.fail(`${name} shows ${shown.join(', ')}: ${answer.text.slice(0, 500)}`);
  }
}

async function atOnce<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  const turn = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
}

t.test('no operation of the REST API lets anybody at the things of another tenant', async (t) => {
  const before = await holdingsOf(guarded, victim);
  // Those about nothing of theirs come first: later the knockers' own audit log has the ids that they have asked for.
  for (const isAimed of [false, true]) {
    const some = attempts.filter((attempt) => attempt.isAimed === isAimed);
    for (const knocker of knockers) {
      await atOnce(some, (attempt) => tryOne(t, attempt, knocker));
      t.pass(`${knocker.kind}: ${some.length} attempts`);
    }
  }
  t.same(await holdingsOf(guarded, victim), before, 'what the victim has is as it was');
});

t.test('the attempts would succeed if they were the victim’s own', async (t) => {
  const own = { kind: 'victim', credential: victim.credential, isKnown: true };
  const reads = attempts.filter(({ method, isAimed, name }) => method === 'GET' && isAimed && !/with|\?/.test(name));
  const statuses = await Promise.all(reads.map(async (one) => [one.name, (await asked(one, victim.ids, own)).status]));
  const found = statuses.filter(([, status]) => status === 200);
  t.ok(found.length >= statuses.length / 2, `${found.length} of ${statuses.length}: ${JSON.stringify(statuses)}`);
});
