import t from 'tap';
import { createLogger } from '../../../platform/log.ts';
import { afterRecord } from '../../../schemas/cursor.ts';
import { RepairLog } from '../../../workers/edge/repair/repair-log.ts';

function setUp() {
  const world = { nowMs: 0 };
  const lines: string[] = [];
  const log = createLogger('test', 'info', { write: (line) => lines.push(line) });
  const repairLog = new RepairLog(log, () => world.nowMs);
  const range = { from: afterRecord(1), to: afterRecord(2) };
  return {
    world,
    begin: (partition: number) => repairLog.note('t', { kind: 'begun', partition, ...range }),
    expire: (partition: number) => repairLog.note('t', { kind: 'expired', partition, ...range }),
    end: (partition: number) =>
      repairLog.note('t', { kind: 'ended', partition, outcome: 'done', tookMs: 5, eventCount: 10 }),
    /** Level and message of what was logged since. */
    logged: (): string[] => lines.splice(0).map((line) => `${JSON.parse(line).level} ${JSON.parse(line).msg}`),
  };
}

const BEGUN = 'warn the lane has lost something, it is read again from Kafka';
const WHOLE = 'info the lane is whole again';

t.test('however many partitions are repaired together: one line at the begin and one at the end', async (t) => {
  const { begin, end, logged } = setUp();
  for (let partition = 0; partition < 64; partition++) begin(partition);
  for (let partition = 0; partition < 64; partition++) end(partition);
  t.same(logged(), [BEGUN, WHOLE]);
});

t.test('gaps that follow each other all the time are logged every ten seconds', async (t) => {
  const { world, begin, end, logged } = setUp();
  for (let gap = 0; gap < 250; gap++) {
    begin(0);
    end(0);
    world.nowMs += 100;
  }
  t.same(logged(), [BEGUN, WHOLE, BEGUN, WHOLE, BEGUN, WHOLE]);
});

t.test('a range that is lost for good is an error', async (t) => {
  const { begin, expire, logged } = setUp();
  begin(3);
  expire(3);
  t.match(logged(), [BEGUN, /^error Kafka has deleted/]);
});
