// S5: every operation of the OpenAPI document, at whichever process answers it, and every message of the WebSocket protocol,
// tried by every kind of identity on another tenant's things. Whoever is nobody learns nothing; whoever is somebody else gets, letter by letter, the answer that
// they get for things that do not exist. Nothing of the victim shows in any answer, and nothing it has is changed.

import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { ApiDocument } from '../../../platform/openapi/complete-document.ts';
import type { ClientMessage } from '../../../schemas/frames.ts';
import { type Answer, ask, GuardedService, UNLIMITED } from '../harness/guarded-service.ts';
import { RawWebSocket } from '../websocket/raw-websocket.ts';
import { type Attempt, attemptsOf, type Ids, RESOURCES } from './attempts.ts';
import { type Knocker, makeKnockers } from './kinds.ts';
import { ownersTurns } from './owners-turns.ts';
import { OWNERS_ANSWERS } from './requests.ts';
import { messagesOf, tryMessages } from './stream-attempts.ts';
import { holdingsOf, isAggregated, makeVictim, phantomOf } from './victim.ts';

const AT_ONCE = 8;
/** Errors are shipped once in a while. */
const SETTLING_MS = 1500;
const TRIES = 4;
/** Lists that have something of the victim, for itself. */
const SHOWING = new Set(
  ['topics', 'subscriptions', 'routes', 'dead-letters', 'keys', 'audit', 'status'].map((list) => `GET /v1/${list}`),
);

t.setTimeout(240_000);
const guarded = await GuardedService.start(t, UNLIMITED);
const [ingest, query] = [await guarded.service.addIngest(), await guarded.service.addQuery()];
const rollup = await guarded.service.addRollup();
await Promise.all([ingest.start(), query.start(), rollup.start()]);
const urls: Readonly<Record<string, string>> = {
  ...{ ingest: ingest.httpUrl, query: query.httpUrl },
  edge: guarded.service.edge(0).clientUrl.replace('ws:', 'http:'),
};
const victim = await makeVictim(guarded);
await isAggregated(query, victim);
const attacker = await guarded.newTenant('attacker');
const knockers = await makeKnockers(guarded, attacker);
const phantoms = phantomOf(victim.ids);
const edgePort = Number(new URL(guarded.service.edge(0).clientUrl).port);
const messages = messagesOf(victim);
const MESSAGE_TYPES = Object.keys(messages) as ClientMessage['type'][]; // of its keys
const document: ApiDocument = await guarded.must('GET', '/openapi.json');
const attempts = attemptsOf(document);
t.comment(`${attempts.length} attempts, ${knockers.length} kinds of identity`);

function asked({ door, method, path, body, contentType }: Attempt, ids: Ids, { credential }: Knocker): Promise<Answer> {
  const url = door === undefined ? guarded.url : urls[door];
  if (url === undefined) throw new Error(`no ${door} runs here`);
  const headers = { 'content-type': contentType };
  return ask(url, method, path(ids), {
    credential,
    ...(body === null ? {} : { body: body(ids), headers }),
  });
}

/** Without what a request itself brought along, and what is of the moment. */
function neutral({ status, text }: Answer, path: string, ids: Ids): string {
  let bare = text;
  for (const [at, resource] of RESOURCES.entries()) {
    const isNumber = /^\d+$/.test(victim.ids[resource]); // of both: an id that was altered may have become all digits
    if (isNumber && !path.split('/').includes(ids[resource])) continue; // it may mean anything, also another one's number
    const whole = new RegExp(`(?<![\\w-])${ids[resource]}(?![\\w-])`, 'g'); // beside a letter no id is found
    bare = bare.replaceAll(whole, isNumber ? 'x#x' : `x${at}x`);
  }
  const byItself = /"reference":"[^"]*"|"redrive-[0-9a-f-]{36}"|"\d{4}-\d\d-\d\dT[\d:.]+Z"/g;
  return `${status} ${bare.replaceAll(byItself, '')}`;
}

/** Answers are the same when they are so at last: a list of errors has those of a moment ago for the one id before the other. */
async function isToldApart(attempt: Attempt, knocker: Knocker, first: Answer): Promise<string | null> {
  let answer = first;
  for (let left = TRIES; ; left--) {
    const control = await asked(attempt, phantoms, knocker);
    const [theirs, nobodys] = [
      neutral(answer, attempt.path(victim.ids), victim.ids),
      neutral(control, attempt.path(phantoms), phantoms),
    ];
    if (theirs === nobodys) return null;
    if (left === 0) return `${theirs} and not ${nobodys}`;
    await sleep(SETTLING_MS);
    answer = await asked(attempt, victim.ids, knocker);
  }
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
    const difference = await isToldApart(attempt, knocker, answer);
    if (difference !== null) t.fail(`${name} tells more than of what does not exist: ${difference}`);
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

const withoutIds = (said: readonly string[], ids: Ids): string[] =>
  said.map((one) => Object.values(ids).reduce((bare, id) => (/^\d+$/.test(id) ? bare : bare.replaceAll(id, '')), one));

/** @returns what is seen when the messages are about things of these ids */
async function streamed(type: ClientMessage['type'], ids: Ids, knocker: Knocker): Promise<string[]> {
  const { credential, isKnown } = knocker;
  const headers = credential === null ? {} : { Authorization: `Bearer ${credential}` };
  const client = await RawWebSocket.open({ port: edgePort, headers });
  const said = await tryMessages(client, messages[type](ids), isKnown);
  client.destroy();
  return withoutIds(said, ids);
}

t.test('no message of the WebSocket protocol lets anybody at the things of another tenant', async (t) => {
  for (const knocker of knockers) {
    const { kind, credential, isKnown } = knocker;
    if (credential !== null) await guarded.isKnownAtEdge(credential, isKnown);
    for (const type of MESSAGE_TYPES) {
      const [seen, control] = await Promise.all([
        streamed(type, victim.ids, knocker),
        streamed(type, phantoms, knocker),
      ]);
      t.same(seen, control, `${kind}: ${type} is answered as for what does not exist: ${seen.join(', ')}`);
      t.notOk(seen.some((what) => /^(subscribed|consuming|events|live)/.test(what)));
    }
  }
});

t.test('the owner is served by the same messages', async (t) => {
  await guarded.isKnownAtEdge(victim.credential, true);
  const own = { kind: 'the admin', credential: victim.credential, isKnown: true };
  for (const type of ['subscribe', 'consume'] as const) {
    const seen = await streamed(type, victim.ids, own);
    t.ok(
      seen.some((what) => /^(subscribed|consuming)/.test(what)),
      `${type}: ${seen.join(', ')}`,
    );
  }
});

/** @returns what the owner was answered, and whether it succeeded */
async function triedAsOwner(attempt: Attempt, owners: readonly Knocker[]): Promise<{ isGood: boolean; said: string }> {
  const answers: Answer[] = [];
  for (const owner of owners) {
    const answer = await asked(attempt, victim.ids, owner);
    answers.push(answer);
    const { status } = answer;
    if (status < 300 || status === OWNERS_ANSWERS[attempt.operation]) return { isGood: true, said: answer.text };
  }
  return { isGood: false, said: answers.map(({ status, text }) => `${status} ${text.slice(0, 300)}`).join('; ') };
}

t.test('every operation succeeds for whoever owns the things', async (t) => {
  const owners: readonly Knocker[] = [
    { kind: 'the admin', credential: victim.credential, isKnown: true },
    { kind: 'the operator', credential: guarded.operatorKey, isKnown: true },
  ];
  const turns = ownersTurns(attempts);
  for (const attempt of turns) {
    const { isGood, said } = await triedAsOwner(attempt, owners);
    if (!isGood) t.fail(`${attempt.name} is answered ${said}`);
    if (SHOWING.has(attempt.operation)) {
      const shown = victim.marks.filter((mark) => said.includes(mark));
      t.ok(shown.length > 0, `${attempt.name} has marks that could be found`);
    }
  }
  t.pass(`${turns.length} operations`);
});
