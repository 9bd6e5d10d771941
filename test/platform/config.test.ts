import t from 'tap';
import { type TObject, Type } from 'typebox';
import {
  commonConfig,
  expectation,
  httpPortConfig,
  identityConfig,
  kafkaConfig,
  loadConfig,
  postgresConfig,
  redisConfig,
  registryConfig,
  variableOf,
} from '../../platform/config.ts';
import { isProblemList, problemsOf } from './fixtures/problems.ts';

const schema = Type.Object({
  httpPort: Type.Integer({ default: 9421, minimum: 0, maximum: 65_535, description: 'port' }),
  shareRatio: Type.Number({ default: 0.5, minimum: 0, maximum: 1, unit: 'ratio', description: 'share' }),
  isLoud: Type.Boolean({ default: false, description: 'loud' }),
  logLevel: Type.Enum(['info', 'debug'], { default: 'info', description: 'level' }),
  allowedOrigins: Type.Array(Type.String(), { default: [], description: 'origins' }),
  title: Type.Optional(Type.String({ description: 'no default' })),
});

t.test('an empty environment gives the defaults', async (t) => {
  t.strictSame(loadConfig(schema, {}), {
    httpPort: 9421,
    shareRatio: 0.5,
    isLoud: false,
    logLevel: 'info',
    allowedOrigins: [],
  });
});

t.test('a variable set to nothing counts as not set', async (t) => {
  t.equal(loadConfig(schema, { MDS_HTTP_PORT: ' ' }).httpPort, 9421);
});

t.test('values are read as the type the schema says', async (t) => {
  const env = {
    MDS_HTTP_PORT: '80',
    MDS_SHARE_RATIO: '2.5e-1',
    MDS_IS_LOUD: 'TRUE',
    MDS_LOG_LEVEL: 'debug',
    MDS_ALLOWED_ORIGINS: 'http://a, http://b,',
    MDS_TITLE: ' hello ',
  };
  t.strictSame(loadConfig(schema, env), {
    httpPort: 80,
    shareRatio: 0.25,
    isLoud: true,
    logLevel: 'debug',
    allowedOrigins: ['http://a', 'http://b'],
    title: 'hello',
  });
});

t.test('all problems are reported at once, each with what is expected', async (t) => {
  const env = {
    MDS_HTTP_PORT: '70000',
    MDS_SHARE_RATIO: 'half',
    MDS_IS_LOUD: 'yes',
    MDS_LOG_LEVEL: 'loud',
    MDS_SHARE_RATO: '1',
  };
  t.strictSame(
    problemsOf(() => loadConfig(schema, env)),
    [
      'MDS_HTTP_PORT is "70000"; it must be a whole number from 0 to 65535',
      'MDS_SHARE_RATIO is "half"; it must be a number from 0 to 1 (ratio)',
      'MDS_IS_LOUD is "yes"; it must be true or false',
      'MDS_LOG_LEVEL is "loud"; it must be one of info, debug',
      'MDS_SHARE_RATO is not a known variable; did you mean MDS_SHARE_RATIO?',
    ],
  );
});

t.test('numbers in disguise are refused', async (t) => {
  for (const text of ['0x10', '1e3', '1.5', '', '12 34', 'NaN', 'Infinity', '٣']) {
    if (text === '') continue;
    t.equal(
      isProblemList(() => loadConfig(schema, { MDS_HTTP_PORT: text })),
      true,
      text,
    );
  }
});

t.test('a required variable without a default must be set', async (t) => {
  const required: TObject = Type.Object({ tenantName: Type.String({ description: 'who' }) });
  t.strictSame(
    problemsOf(() => loadConfig(required, {})),
    ['MDS_TENANT_NAME is not set; it must be text'],
  );
});

t.test('an unknown variable that resembles nothing gets no suggestion', async (t) => {
  t.strictSame(
    problemsOf(() => loadConfig(schema, { MDS_QQQQQQQQQQQQQQ: '1' })),
    ['MDS_QQQQQQQQQQQQQQ is not a known variable'],
  );
});

t.test('variables of other processes, and of other programs, are let through', async (t) => {
  t.equal(loadConfig(schema, { MDS_HOME: '/somewhere', PATH: '/bin', MDSX: '1' }).httpPort, 9421);
});

t.test('the shared fragments accept their own defaults', async (t) => {
  const all = Type.Object({
    ...commonConfig,
    ...httpPortConfig(9400),
    ...kafkaConfig,
    ...registryConfig,
    ...redisConfig,
    ...postgresConfig,
  });
  const config = loadConfig(all, {});
  t.equal(config.httpPort, 9400);
  t.match(config.processId, new RegExp(`^[A-Za-z0-9-]+-${process.pid}-[0-9a-f]{8}$`));
  t.not(loadConfig(all, {}).processId, config.processId, 'a new one each time');
});

t.test('only loopback may be listened on while authentication is off', async (t) => {
  const common = Type.Object(commonConfig);
  for (const host of ['127.0.0.1', '127.0.1.1', '::1', 'localhost']) {
    t.equal(loadConfig(common, { MDS_HOST: host, MDS_AUTH: 'off' }).host, host);
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.org', '127.0.0.1.evil.org']) {
    const problems = problemsOf(() => loadConfig(common, { MDS_HOST: host, MDS_AUTH: 'off' }));
    t.match(problems[0], /^MDS_HOST is ".*"; it must be a loopback address .* while MDS_AUTH is off$/);
    t.equal(loadConfig(common, { MDS_HOST: host }).host, host);
  }
});

t.test('a process that looks at credentials needs a secret of 32 bytes, and never shows it', async (t) => {
  const door = Type.Object({ ...commonConfig, ...identityConfig });
  for (const secret of ['0123456789abcdef'.repeat(4), Buffer.alloc(32, 7).toString('base64'), 'x'.repeat(43)]) {
    t.equal(loadConfig(door, { MDS_AUTH_SECRET: secret }).authSecret, secret);
  }
  t.match(
    problemsOf(() => loadConfig(door, {}))[0],
    /^MDS_AUTH_SECRET is not set; it must be at least 32 random bytes/,
  );
  for (const secret of ['planted-and-short', 'planted !'.repeat(10), 'abcd'.repeat(8)]) {
    const problems = problemsOf(() => loadConfig(door, { MDS_AUTH_SECRET: secret }));
    t.match(problems[0], 'MDS_AUTH_SECRET is too short or neither hex nor base64');
    t.notMatch(JSON.stringify(problems), secret);
  }
  t.same(loadConfig(door, { MDS_AUTH: 'off' }).authSecret, undefined);
});

t.test('broker lists are checked', async (t) => {
  const kafka = Type.Object(kafkaConfig);
  t.equal(loadConfig(kafka, { MDS_KAFKA_BROKERS: 'a:1,b:2' }).kafkaBrokers, 'a:1,b:2');
  for (const brokers of ['a', 'a:1,', 'a:b', 'a:1 b:2']) {
    t.ok(
      isProblemList(() => loadConfig(kafka, { MDS_KAFKA_BROKERS: brokers })),
      brokers,
    );
  }
});

t.test('what is expected is said in words for every kind of schema', async (t) => {
  t.equal(expectation(Type.Integer({ minimum: 3 })), 'a whole number of at least 3');
  t.equal(expectation(Type.Number({ maximum: 3, unit: 'ms' })), 'a number of at most 3 (ms)');
  t.equal(expectation(Type.Integer()), 'a whole number');
  t.equal(expectation(Type.Union([Type.Literal('a'), Type.Literal('b')])), 'one of a, b');
  t.equal(expectation(Type.Union([Type.String(), Type.Null()])), 'text');
  t.equal(expectation(Type.Array(Type.String())), 'a comma-separated list');
  t.equal(expectation(Type.String({ pattern: '^x$' })), 'text that matches ^x$');
});

t.test('property names become variable names', async (t) => {
  t.equal(variableOf('httpPort'), 'MDS_HTTP_PORT');
  t.equal(variableOf('host'), 'MDS_HOST');
});
