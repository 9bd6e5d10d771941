// The identity of `make run`: one operator's key for each MDS_HOME, and no start with files that cannot be trusted.

import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { credentialFor, keepCredential, localCredentialsFile } from '../../../client/command/credentials.ts';
import { checkBindAddress, localIdentity } from '../../../deploy/local/local-identity.ts';
import { placesOf } from '../../../deploy/local/places.ts';
import { authSecretBytes } from '../../../platform/auth-config.ts';
import { parseApiKey } from '../../../platform/identity/api-key.ts';

const API = 'http://127.0.0.1:9400';

function aHome(t: Test) {
  const places = placesOf(join(t.testdir(), 'home'));
  return { places, secret: join(places.auth, 'secret'), file: localCredentialsFile(places.home) };
}

t.test('the first start makes a key, later ones find it, and so does mds', async (t) => {
  const { places, secret, file } = aHome(t);
  const first = localIdentity(places, API);
  t.equal(first.isNew, true);
  t.ok(parseApiKey(first.operatorKey));
  t.match(localIdentity(places, API), { isNew: false, operatorKey: first.operatorKey, file });
  for (const one of [secret, file]) t.equal(statSync(one).mode & 0o777, 0o600, one);
  t.equal(statSync(places.auth).mode & 0o777, 0o700);
  const env = { MDS_HOME: places.home, XDG_CONFIG_HOME: join(places.home, 'config') };
  t.equal(credentialFor(API, env)?.value, first.operatorKey);
});

t.test('with other ports it is the same operator', async (t) => {
  const { places } = aHome(t);
  const { operatorKey } = localIdentity(places, API);
  t.match(localIdentity(places, 'http://127.0.0.1:9500'), { isNew: false, operatorKey });
});

t.test('each process gets what it needs, and no more', async (t) => {
  const { places, secret } = aHome(t);
  const { operatorKey, envFor } = localIdentity(places, API);
  const authSecret = readFileSync(secret, 'utf8').trim();
  t.equal(authSecretBytes(authSecret).length, 32);
  t.same(envFor('control-plane'), { MDS_AUTH_SECRET: authSecret, MDS_OPERATOR_KEY: operatorKey });
  for (const door of ['edge', 'ingest', 'query'] as const) t.same(envFor(door), { MDS_AUTH_SECRET: authSecret });
  t.same(envFor('collector'), { MDS_API_KEY: operatorKey });
  for (const worker of ['stream-worker', 'rollup'] as const) t.same(envFor(worker), {});
});

t.test('nothing is started, and nothing made anew, with files that cannot be trusted', async (t) => {
  const { places, secret, file } = aHome(t);
  const { operatorKey } = localIdentity(places, API);
  const refuses = (problem: RegExp, what: string): void => {
    t.throws(() => localIdentity(places, API), { name: 'Failure', message: problem }, what);
    t.throws(() => localIdentity(places, API), { message: /Nothing was started/ }, what);
  };
  for (const one of [secret, file]) {
    const text = readFileSync(one, 'utf8');
    chmodSync(one, 0o644);
    refuses(/can be read by others/, `${one} is readable by others`);
    chmodSync(one, 0o600);
    writeFileSync(one, 'short');
    refuses(/does not hold/, `${one} holds something else`);
    rmSync(one);
    mkdirSync(one, { mode: 0o700 });
    refuses(/cannot be read/, `${one} is a directory`);
    rmSync(one, { recursive: true });
    writeFileSync(one, text, { mode: 0o600 });
  }
  keepCredential(file, API, 'a-password');
  refuses(/no API key/, 'a key of another kind');
  keepCredential(file, API, operatorKey);
  t.match(localIdentity(places, API), { isNew: false, operatorKey });
});

t.test('addresses beyond loopback need authentication, which is on unless it is turned off', async (t) => {
  for (const env of [{}, { MDS_HOST: '' }, { MDS_HOST: '0.0.0.0' }, { MDS_HOST: '0.0.0.0', MDS_AUTH: 'on' }]) {
    t.doesNotThrow(() => checkBindAddress(env));
  }
  t.doesNotThrow(() => checkBindAddress({ MDS_AUTH: 'off' }));
  t.doesNotThrow(() => checkBindAddress({ MDS_AUTH: 'off', MDS_HOST: '127.0.0.1' }));
  for (const host of ['0.0.0.0', '::', '192.0.2.7']) {
    t.throws(() => checkBindAddress({ MDS_AUTH: 'off', MDS_HOST: host }), {
      name: 'Failure',
      message: /^Nothing was started: MDS_HOST is .* must be a loopback address .* while MDS_AUTH is off/,
    });
  }
});
