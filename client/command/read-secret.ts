// A secret that a person types or pipes in: on a terminal it is asked for and not shown.

import type { ReadStream } from 'node:tty';
import { MdsError } from '../../schemas/errors.ts';

/** A token with many claims has 4 KiB; whoever pipes in more has piped in something else. */
const MAX_CHARACTERS = 65_536;

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const BACKSPACES: ReadonlySet<string> = new Set(['\u007f', '\b']);

/** @throws MdsError `MDS_REQUEST_INVALID` after Ctrl-C, or for what is no secret */
export function readSecret(prompt: string): Promise<string> {
  const { stdin } = process;
  return stdin.isTTY ? typedSecret(stdin, prompt) : pipedSecret(stdin);
}

async function pipedSecret(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of stdin) {
    text += decoder.decode(part, { stream: true });
    if (text.length > MAX_CHARACTERS) throw refused(`stdin has more than ${MAX_CHARACTERS} characters: it is no key`);
  }
  return text;
}

function typedSecret(terminal: ReadStream, prompt: string): Promise<string> {
  process.stderr.write(prompt);
  terminal.setRawMode(true);
  terminal.setEncoding('utf8');
  let secret = '';
  return new Promise<string>((resolve, reject) => {
    const end = (problem: string | null): void => {
      terminal.off('data', onData).off('end', onEnd).pause();
      terminal.setRawMode(false);
      process.stderr.write('\n');
      if (problem === null) resolve(secret);
      else reject(refused(problem));
    };
    const onEnd = (): void => end(null);
    const onData = (text: string): void => {
      const typed = typedInto(secret, text);
      secret = typed.secret;
      if (typed.state === 'entered') end(null);
      else if (typed.state === 'given up') end('no key was given');
      else if (secret.length > MAX_CHARACTERS) end('that is no key');
    };
    terminal.on('data', onData).on('end', onEnd);
  });
}

export interface Typed {
  readonly secret: string;
  readonly state: 'typing' | 'entered' | 'given up';
}

/** What a terminal in raw mode sends, up to the end of the line. */
export function typedInto(before: string, text: string): Typed {
  let secret = before;
  for (const char of text) {
    if (char === CTRL_C) return { secret: '', state: 'given up' };
    if (char === '\r' || char === '\n' || char === CTRL_D) return { secret, state: 'entered' };
    secret = BACKSPACES.has(char) ? secret.slice(0, -1) : secret + char;
  }
  return { secret, state: 'typing' };
}

const refused = (problem: string): MdsError => new MdsError('MDS_REQUEST_INVALID', { problems: [problem] });
