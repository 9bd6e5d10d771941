import t from 'tap';
import { createLogger } from '../../platform/log.ts';
import { MdsError } from '../../schemas/errors.ts';

function readAlong(level?: string) {
  const lines: string[] = [];
  const log = createLogger('edge', level, { write: (line) => lines.push(line) });
  return { log, lines: () => lines.map((line) => JSON.parse(line)) };
}

t.test('a line has level, time, component and pid', async (t) => {
  const { log, lines } = readAlong();
  log.info({ topic: 'a' }, 'ready');
  const [line] = lines();
  t.match(line, { level: 'info', component: 'edge', pid: process.pid, topic: 'a', msg: 'ready' });
  t.ok(Math.abs(Date.parse(line.time) - Date.now()) < 5000);
});

t.test('what is below the level is not written', async (t) => {
  const { log, lines } = readAlong('warn');
  log.info('no');
  log.warn('yes');
  t.equal(lines().length, 1);
  t.equal(createLogger('edge', 'silent').level, 'silent');
});

t.test('an MdsError is logged with code, details and cause; another error with its stack', async (t) => {
  const { log, lines } = readAlong();
  const error = new MdsError('MDS_TOPIC_UNKNOWN', { topic: 'x' }, { cause: new Error('below') });
  log.error({ err: error }, 'failed');
  log.error({ err: new MdsError('MDS_TOPIC_UNKNOWN', { topic: 'x' }) }, 'failed');
  log.error({ err: new TypeError('a bug') }, 'failed');
  const [first, second, third] = lines();
  t.match(first.err, { code: 'MDS_TOPIC_UNKNOWN', details: { topic: 'x' }, cause: { message: 'below' } });
  t.notOk('cause' in second.err);
  t.match(third.err, { type: 'TypeError', stack: /log\.test\.ts/ });
});
