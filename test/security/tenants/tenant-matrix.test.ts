// S5: every operation of the OpenAPI document and every message of the WebSocket protocol, tried by every kind of identity on
// another tenant's things. Whoever is nobody learns nothing; whoever is somebody else gets, letter by letter, the answer that
// they get for things that do not exist. Nothing of the victim shows in any answer, and nothing it has is changed.

import t, { type Test } from 'tap';
import type { ApiDocument } from '../../../platform/openapi/complete-document.ts';
import type { TestProcess } from '../../integration/harness/processes.ts';
import { type Answer, ask, GuardedService, UNLIMITED } from '../harness/guarded-service.ts';
import { RawWebSocket } from '../websocket/raw-websocket.ts';
import { type Attempt, attemptsOf, type Ids } from './attempts.ts';
import { type Knocker, makeKnockers } from './kinds.ts';
import { messagesOf, tryMessages } from './stream-attempts.ts';
import { holdingsOf, makeVictim, phantomOf } from './victim.ts';

const AT_ONCE = 8;

t.setTimeout(240_000);
const guarded = await GuardedService.start(t, UNLIMITED);
const [ingest, query] = [await guarded.service.addIngest(), await guarded.service.addQuery()];
await Promise.all([ingest.start(), query.start()]);
const doors: Readonly<Record<string, TestProcess>> = { ingest, query, edge: guarded.service.edge(0) };
const edgePort = Number(new URL(guarded.service.edge(0).clientUrl).port);
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
  for (const [resource, id] of Object.entries(ids)) bare = bare.replaceAll(id, `<${resource}>`);
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
  for (const knocker of knockers) {
    await atOnce(attempts, (attempt) => tryOne(t, attempt, knocker));
    t.pass(`${knocker.kind}: ${attempts.length} attempts`);
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

t.test('no message of the WebSocket protocol lets anybody at the things of another tenant', async (t) => {
  for (const knocker of knockers) {
    const { credential } = knocker;
    if (credential !== null) await guarded.isKnownAtEdge(credential, knocker.isKnown);
    const headers = credential === null ? {} : { Authorization: `Bearer ${credential}` };
    for (const [type, messages] of Object.entries(messagesOf(victim))) {
      const theirs = await RawWebSocket.open({ port: edgePort, headers });
      const nobodys = await RawWebSocket.open({ port: edgePort, headers });
      const [seen, control] = await Promise.all([
        tryMessages(theirs, messages(victim.ids), knocker.isKnown),
        tryMessages(nobodys, messages(phantoms), knocker.isKnown),
      ]);
      t.same(seen, control, `${knocker.kind}: ${type} is answered as for what does not exist: ${seen.join(', ')}`);
      t.notOk(seen.some((what) => /^(subscribed|consuming|events|live)/.test(what)));
      theirs.destroy();
      nobodys.destroy();
    }
  }
});
