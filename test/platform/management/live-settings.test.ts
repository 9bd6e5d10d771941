import t from 'tap';
import { Type } from 'typebox';
import { LiveSettings } from '../../../platform/management/live-settings.ts';

const SCHEMA = Type.Object({
  limit: Type.Integer({ default: 5, minimum: 1, changeable: true, description: 'how many' }),
  fixed: Type.Integer({ default: 7 }),
  authSecret: Type.String({ default: '' }),
  hidden: Type.String({ default: 'x', secret: true }),
  postgresUrl: Type.String({ default: 'postgres://mds:pw@host/db' }),
});
const CONFIG = { limit: 5, fixed: 7, authSecret: 's3cr3t', hidden: 'h1dden', postgresUrl: 'postgres://mds:pw@host/db' };

function setUp(env: Record<string, string> = {}) {
  const settings = new LiveSettings(SCHEMA, CONFIG, env);
  const seen: number[] = [];
  settings.onChange<number>('limit', (value) => seen.push(value));
  return { settings, seen };
}

t.test('a change is applied once, and taken back when it is wanted no more', async (t) => {
  const { settings, seen } = setUp();
  settings.apply({ limit: 9 });
  settings.apply({ limit: 9 });
  t.match(settings.report()[0], { name: 'limit', value: 9, source: 'runtime', isChangeable: true });
  settings.apply({});
  t.same(seen, [9, 5]);
  t.match(settings.report()[0], { value: 5, source: 'default' });
});

t.test('what does not fit, or cannot be changed, is told and changes nothing', async (t) => {
  const { settings, seen } = setUp();
  settings.apply({ limit: 0, fixed: 8, unknown: 1 });
  t.same(seen, []);
  t.equal(settings.problems.length, 3);
  t.match(settings.report()[1], { name: 'fixed', value: 7 });
  t.throws(() => settings.onChange('fixed', () => {}), /fixed is not changeable/);
});

t.test('it is said where a value comes from, and no secret is shown', async (t) => {
  const { settings } = setUp({ MDS_FIXED: '7' });
  const report = settings.report();
  t.match(report[1], { variable: 'MDS_FIXED', source: 'environment' });
  t.notMatch(JSON.stringify(report), /s3cr3t|h1dden|:pw@/);
  t.match(report[4], { value: 'postgres://mds:***@host/db' });
});
