// Texts changed a little: a piece gone, doubled or moved, a character changed, something hostile put in.

import { type Choose, pick } from '../schemas/plan/pools.ts';

const HOSTILE = [
  ...['"', '\\', '{', '}', '[', ']', ',', ':', '(', ')', '&&', '||', '!', '-', '.', '*', '\u0000', '\u2028', '\ud800'],
  ...['\u{1f600}', '__proto__', 'constructor', 'null', 'true', '1e999', '-0', '9223372036854775808', '0x', 'b"\\xff"'],
  ...[
    '.matches("(a+)+$")',
    '.exists(x, x)',
    '[0]',
    '? 1 : 2',
    'in []',
    '((((((((',
    '{"a":'.repeat(100),
    '['.repeat(200),
  ],
  ...['!'.repeat(100), '-'.repeat(100), '"type":', '"default":', '"record"', '"mds.batch":"items",', '/* */', '//'],
];

export function changedText(text: string, choose: Choose): string {
  let changed = text;
  for (let i = 1 + choose(3); i > 0; i--) changed = changedOnce(changed, choose);
  return changed;
}

function changedOnce(text: string, choose: Choose): string {
  const at = choose(text.length + 1);
  const end = at + choose(12);
  switch (choose(6)) {
    case 0:
      return text.slice(0, at) + text.slice(end);
    case 1:
      return text.slice(0, end) + text.slice(at);
    case 2:
      return (
        text.slice(0, at) +
        String.fromCharCode(choose(4) === 0 ? choose(0x10000) : 32 + choose(95)) +
        text.slice(at + 1)
      );
    case 3:
      return text.slice(0, at);
    case 4:
      return text.slice(0, at) + pick(choose, HOSTILE) + text.slice(end);
    default:
      return text.slice(0, at) + pick(choose, HOSTILE) + text.slice(at);
  }
}
