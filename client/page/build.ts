// Builds the page into dist/: one script, one stylesheet (both named by their content, so they may be cached for ever) and
// index.html that names them. Nothing is fetched from elsewhere at run time.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const PAGE_DIR = fileURLToPath(new URL('.', import.meta.url));

/**
 * @param outDir is emptied first
 * @returns names of the files that were written
 */
export async function buildPage(outDir: string): Promise<readonly string[]> {
  await rm(outDir, { recursive: true, force: true });
  await mkdir(outDir, { recursive: true });
  const { metafile } = await build({
    entryPoints: [join(PAGE_DIR, 'main.ts'), join(PAGE_DIR, 'page.css')],
    entryNames: '[name]-[hash]',
    outdir: outDir,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2024', 'chrome119', 'firefox121', 'safari17.4'],
    platform: 'browser',
    metafile: true,
    logLevel: 'warning',
  });
  const built = Object.keys(metafile.outputs).map((path) => basename(path));
  const nameOf = (ending: string): string => {
    const name = built.find((file) => file.endsWith(ending));
    if (name === undefined) throw new Error(`the build made no ${ending} file`);
    return name;
  };
  const html = await readFile(join(PAGE_DIR, 'index.html'), 'utf8');
  const linked = html
    .replace('href="page.css"', `href="${nameOf('.css')}"`)
    .replace('src="main.js"', `src="${nameOf('.js')}"`);
  await writeFile(join(outDir, 'index.html'), linked);
  return [...built, 'index.html'];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = await buildPage(join(PAGE_DIR, 'dist'));
  process.stdout.write(`built the page: ${files.join(', ')}\n`);
}
