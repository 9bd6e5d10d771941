// Writes docs/api.md from the OpenAPI document, which is made of the routes' own schemas, docs/permissions.md from what routes
// ask of their callers, and control-plane/api/doors.json: what the other HTTP doors add to the control plane's document. `node docs/generate-api.ts --check` only says whether they are up to date, and is part of
// `make check`. The document itself: /openapi.json of a control plane.

import { readFile, writeFile } from 'node:fs/promises';
import { describedApi } from '../control-plane/api/documentation.ts';
import { DOORS_FILE } from '../control-plane/api/doors-file.ts';
import { doorParts } from './api-reference/doors.ts';
import { renderApi } from './api-reference/render-api.ts';
import { renderPermissions } from './api-reference/render-permissions.ts';
import { undisturbedServer } from './api-reference/undisturbed-server.ts';

const ROOT = new URL('../', import.meta.url);

async function renderPages(): Promise<readonly (readonly [file: string, text: string])[]> {
  const { version } = JSON.parse(await readFile(new URL('package.json', ROOT), 'utf8'));
  const app = await undisturbedServer(version);
  try {
    const doors = await doorParts(version);
    return [
      [DOORS_FILE, `${JSON.stringify(doors, null, 2)}\n`],
      ['docs/api.md', renderApi(describedApi(app, doors))],
      ['docs/permissions.md', renderPermissions(app)],
    ];
  } finally {
    await app.close();
  }
}

const check = process.argv.includes('--check');
for (const [file, text] of await renderPages()) {
  const url = new URL(file, ROOT);
  if (text === (await readFile(url, 'utf8').catch(() => null))) continue;
  if (!check) await writeFile(url, text);
  process.stdout.write(`${file} ${check ? 'out of date: run node docs/generate-api.ts' : 'written'}\n`);
  if (check) process.exitCode = 1;
}
