// The page at /docs in a real browser, on a control plane that runs: it reads, it lets a person try a request, and it asks
// nobody but this server for anything.

import t from 'tap';
import { runControlPlane, surroundings } from '../integration/control-plane/control-plane-in-process.ts';
import { findChromium, startBrowser } from './browser.ts';

/** The reference is compiled in the page, which takes seconds on a busy machine. */
const TIMEOUT_MS = 60_000;

t.setTimeout(180_000);

const chromium = findChromium();
if (chromium === null) throw new Error('there is no Chromium: run make setup-tests');

t.test('a request is tried from the page, and its answer is shown', async (t) => {
  const around = await surroundings(t);
  const api = await runControlPlane(t, around);
  const browser = await startBrowser(chromium, { viewport: { width: 1400, height: 900 } });
  t.teardown(() => browser.close());
  const page = await browser.context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  const hosts = new Set<string>();
  const violations: string[] = [];
  page.on('request', (request) => hosts.add(new URL(request.url()).origin));
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) violations.push(message.text());
  });
  await page.goto(`${api.url}/docs/`);
  await page.getByText('Create a topic').first().waitFor();
  await page.getByRole('button', { name: /Test Request\s*\(get \/v1\/topics\)/ }).click();
  const answered = page.waitForResponse((response) => new URL(response.url()).pathname === '/v1/topics');
  await page.getByRole('button', { name: 'Send get request to /v1/topics' }).click();
  t.equal((await answered).status(), 200);
  await page.getByText('Status: 200').or(page.getByText('200 OK')).last().waitFor();
  t.same([...hosts], [api.url]);
  t.same(violations, []);
});
