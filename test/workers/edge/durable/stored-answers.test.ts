// What a consumer is told of its acknowledgements: never that something is stored which is not.

import t from 'tap';
import { StoredAnswers } from '../../../../workers/edge/durable/stored-answers.ts';

class PlayedLead {
  readonly shard: number;
  stored = 0;
  isSuperseded = false;
  constructor(shard: number) {
    this.shard = shard;
  }
  isStored(version: number): boolean {
    return this.stored >= version;
  }
}

t.test('a number is told when every shard it touched is stored', async (t) => {
  const [a, b] = [new PlayedLead(0), new PlayedLead(1)];
  const answers = new StoredAnswers();
  answers.add(1, [
    [a, 3],
    [b, 5],
  ]);
  t.equal(answers.settle(), null);
  a.stored = 3;
  t.equal(answers.settle(), null);
  b.stored = 5;
  t.same(answers.settle(), { acked: 1, lost: null });
  t.equal(answers.settle(), null, 'once');
});

t.test('what touches nothing that is not stored is told at once', async (t) => {
  const answers = new StoredAnswers();
  answers.add(4, []);
  t.same(answers.settle(), { acked: 4, lost: null });
});

t.test('new acknowledgements do not put off what came before', async (t) => {
  const lead = new PlayedLead(0);
  const answers = new StoredAnswers();
  answers.add(1, [[lead, 1]]);
  for (let seq = 2; seq < 10; seq++) answers.add(seq, [[lead, seq]]);
  lead.stored = 1;
  t.same(answers.settle(), { acked: 1, lost: null });
  lead.stored = 9;
  t.same(answers.settle(), { acked: 9, lost: null });
});

t.test('a shard that went to somebody else is named, unless it was stored before', async (t) => {
  const [a, b] = [new PlayedLead(0), new PlayedLead(1)];
  const answers = new StoredAnswers();
  answers.add(7, [
    [a, 2],
    [b, 2],
  ]);
  a.stored = 2;
  a.isSuperseded = true;
  b.isSuperseded = true;
  t.same(answers.settle(), { acked: 7, lost: { seq: 7, shards: [1] } });
});
