// Writes docs/api.md from the OpenAPI document, which is made of the routes' own schemas. `node docs/generate-api.ts --check`
// only says whether it is up to date, and is part of `make check`. The document itself: /openapi.json of a control plane.

import { readFile, writeFile } from 'node:fs/promises';
import { describedApi } from '../control-plane/api/documentation.ts';
import type { ApiDocument } from '../control-plane/api/openapi/complete-document.ts';
import { renderApi } from './api-reference/render-api.ts';
import { undisturbedServer } from './api-reference/undisturbed-server.ts';

const FILE = 'docs/api.md';
const ROOT = new URL('../', import.meta.url);

async function loadDocument(): Promise<ApiDocument> {
  const app = await undisturbedServer(JSON.parse(await readFile(new URL('package.json', ROOT), 'utf8')).version);
  try {
    return describedApi(app);
  } finally {
    await app.close();
  }
}

const check = process.argv.includes('--check');
const text = renderApi(await loadDocument());
const url = new URL(FILE, ROOT);
if (text !== (await readFile(url, 'utf8').catch(() => null))) {
  if (!check) await writeFile(url, text);
  process.stdout.write(`${FILE} ${check ? 'out of date: run node docs/generate-api.ts' : 'written'}\n`);
  if (check) process.exitCode = 1;
}
