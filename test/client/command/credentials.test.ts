import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  credentialFor,
  keepCredential,
  localCredentialsFile,
  loginFile,
  readCredentials,
  writePrivateFile,
} from '../../../client/command/credentials.ts';

const API = 'http://127.0.0.1:9400';

/** The home of a person, and of a local service, both empty. */
function homes(t: Test) {
  const dir = t.testdir({ config: {}, mds: {} });
  const env = { XDG_CONFIG_HOME: join(dir, 'config'), MDS_HOME: join(dir, 'mds') };
  return { env, login: loginFile(env), local: localCredentialsFile(env.MDS_HOME) };
}

t.test('the variable comes first, then what login has kept, then the key of make run', async (t) => {
  const { env, login, local } = homes(t);
  t.equal(credentialFor(API, env), null);
  keepCredential(local, API, 'mds_local');
  t.match(credentialFor(API, env), { value: 'mds_local', from: local });
  keepCredential(login, API, 'mds_kept');
  t.match(credentialFor(API, env), { value: 'mds_kept', from: login });
  t.match(credentialFor(API, { ...env, MDS_API_KEY: ' mds_given\n' }), { value: 'mds_given', from: 'MDS_API_KEY' });
});

t.test('a key is for one address, however that is written, and is sent to no other', async (t) => {
  const { env, login } = homes(t);
  keepCredential(login, `${API}/`, 'mds_here');
  keepCredential(login, 'https://mds.example.com/monitoring/', 'mds_there');
  t.equal(credentialFor(API, env)?.value, 'mds_here');
  t.equal(credentialFor('https://mds.example.com/monitoring', env)?.value, 'mds_there');
  for (const other of ['http://127.0.0.1:9401', 'https://127.0.0.1:9400', 'https://mds.example.com']) {
    t.equal(credentialFor(other, env), null, other);
  }
});

t.test('forgetting one leaves the others, and says whether there was one', async (t) => {
  const { env, login } = homes(t);
  keepCredential(login, API, 'mds_here');
  keepCredential(login, 'https://mds.example.com', 'mds_there');
  t.equal(keepCredential(login, API, null), true);
  t.equal(keepCredential(login, API, null), false);
  t.equal(credentialFor(API, env), null);
  t.same(readCredentials(login), { 'https://mds.example.com': 'mds_there' });
});

t.test('files are readable by their owner only, also where a wider one of the name was before', async (t) => {
  const { login } = homes(t);
  keepCredential(login, API, 'mds_here');
  const modeOf = (file: string): number => statSync(file).mode & 0o777;
  t.equal(modeOf(login), 0o600);
  t.equal(modeOf(join(login, '..')), 0o700);
  writeFileSync(`${login}.${process.pid}`, 'left behind by one that was killed', { mode: 0o644 });
  writePrivateFile(login, '{}');
  t.equal(modeOf(login), 0o600);
  t.equal(readFileSync(login, 'utf8'), '{}');
});

t.test('a file that others can read, or that holds something else, is not used, and not taken for none', async (t) => {
  const { env, login } = homes(t);
  const refuses = (problem: RegExp): void => {
    const details = { problems: [problem] };
    t.throws(() => credentialFor(API, env), { code: 'MDS_CONFIG_INVALID', details });
    t.throws(() => keepCredential(login, API, 'mds_new'), { code: 'MDS_CONFIG_INVALID', details });
  };
  keepCredential(login, API, 'mds_here');
  chmodSync(login, 0o640);
  refuses(/can be read by others; run chmod 600/);
  chmodSync(login, 0o600);
  for (const text of ['', 'mds_key', '[]', 'null', '"x"']) {
    writeFileSync(login, text);
    refuses(/does not hold keys by address/);
  }
});

t.test('a directory in place of the file is told', async (t) => {
  const { env, login } = homes(t);
  mkdirSync(login, { recursive: true, mode: 0o700 });
  t.throws(() => credentialFor(API, env), { code: 'MDS_CONFIG_INVALID', details: { problems: [/cannot be read/] } });
});

t.test('what cannot be sent as a header is no key', async (t) => {
  const { env } = homes(t);
  for (const text of ['two words', 'line\nbreak', 'schlüssel']) {
    t.throws(() => credentialFor(API, { ...env, MDS_API_KEY: text }), { code: 'MDS_CONFIG_INVALID' }, text);
  }
  t.equal(credentialFor(API, { ...env, MDS_API_KEY: '  ' }), null);
});
