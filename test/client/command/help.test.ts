// The help of every command, word for word: it is what people learn the command from. After a wanted change, write it
// again with `UPDATE_HELP=1 node test/client/command/help.test.ts` and read the difference.

import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import t from 'tap';
import { createProgram } from '../../../client/command/program.ts';

const EXPECTED = new URL('help.expected.txt', import.meta.url);

function helpOf(command: Command, name: string): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 100 });
  command.outputHelp();
  return `$ mds ${name}--help\n${text}\n`;
}

t.test('every command explains itself, with examples', async (t) => {
  const program = createProgram();
  const texts = [helpOf(program, '')];
  for (const command of program.commands) {
    texts.push(helpOf(command, `${command.name()} `));
    t.match(texts.at(-1), 'Examples:', command.name());
    for (const inner of command.commands) {
      texts.push(helpOf(inner, `${command.name()} ${inner.name()} `));
      for (const innermost of inner.commands) {
        texts.push(helpOf(innermost, `${command.name()} ${inner.name()} ${innermost.name()} `));
      }
    }
  }
  if (process.env.UPDATE_HELP) await writeFile(EXPECTED, texts.join(''));
  t.equal(texts.join(''), await readFile(EXPECTED, 'utf8'));
});
