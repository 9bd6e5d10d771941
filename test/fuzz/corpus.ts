// The corpus: inputs that are worth trying at every change: small good ones, damaged ones, and every one that ever failed.

import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { doors } from './door-targets.ts';
import { damage, histories } from './kernel-targets.ts';
import type { FuzzTarget } from './target.ts';

export const TARGETS: readonly FuzzTarget[] = [histories, damage, ...doors];

export interface Kept {
  readonly file: string;
  readonly target: FuzzTarget;
  /** Why it was kept. */
  readonly story: string;
  readonly input: unknown;
}

const FOLDER = join(import.meta.dirname, 'corpus');

export function readCorpus(): readonly Kept[] {
  return globSync('*.json', { cwd: FOLDER })
    .sort()
    .map((file) => keptIn(file, JSON.parse(readFileSync(join(FOLDER, file), 'utf8'))));
}

function keptIn(
  file: string,
  json: { readonly target: string; readonly story: string; readonly input: unknown },
): Kept {
  const target = TARGETS.find(({ name }) => name === json.target);
  if (!target) throw new Error(`${file} is for ${json.target}, which is no fuzz target`);
  return { file, target, story: json.story, input: json.input };
}

/** @returns the file's path from the root of the project */
export function keep(target: string, story: string, input: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify(input)).digest('hex').slice(0, 8);
  const file = `${target}-${hash}.json`;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, file), `${JSON.stringify({ target, story, input })}\n`);
  return join('test/fuzz/corpus', file);
}
