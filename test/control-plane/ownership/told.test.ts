// Waiting for the leader to tell of something new ends when it is told, and never fails the creation.

import t from 'tap';
import { untilTold } from '../../../control-plane/ownership/told.ts';
import { createLogger } from '../../../platform/log.ts';

const log = createLogger('test', 'silent');

t.test('it waits until it is told', async (t) => {
  let asked = 0;
  await untilTold('topic 1', async () => ++asked === 3, log);
  t.equal(asked, 3);
});

t.test('a Redis that is away fails nothing', async (t) => {
  await untilTold('topic 1', () => Promise.reject(new Error('it is away')), log);
  t.pass();
});
