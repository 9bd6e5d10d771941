import t from 'tap';
import { typedInto } from '../../../client/command/read-secret.ts';

t.test('a secret is typed in pieces, corrected, and entered', async (t) => {
  const first = typedInto('', 'mds_x\u007f');
  t.same(first, { secret: 'mds_', state: 'typing' });
  t.same(typedInto(first.secret, 'ab\r'), { secret: 'mds_ab', state: 'entered' });
  t.same(typedInto('a', '\b\b\bb\n'), { secret: 'b', state: 'entered' });
  t.same(typedInto('a', '\u0004'), { secret: 'a', state: 'entered' });
});

t.test('what is pasted behind the end of the line is left out', async (t) => {
  t.same(typedInto('', 'mds_ab\nmds_cd\n'), { secret: 'mds_ab', state: 'entered' });
});

t.test('Ctrl-C gives up, and nothing is kept', async (t) => {
  t.same(typedInto('mds_', 'ab\u0003'), { secret: '', state: 'given up' });
});
