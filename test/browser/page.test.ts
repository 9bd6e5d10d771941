// The page in a real browser: a person picks a topic, mistypes a filter, takes the suggestion and watches events arrive.
// It brings a stand-in for the service; the same page on the real one is in test/integration.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import t, { type Test as Tap } from 'tap';
import { buildPage } from '../../client/page/build.ts';
import { startTestService, type TestService } from '../client/test-service.ts';
import { findChromium, startBrowser } from './browser.ts';

const chromium = findChromium();
if (chromium === null) throw new Error('this test needs chromium on the PATH');

const anEvent = (n: number) => ({
  id: `e${n}`,
  tenant: 'default',
  service: 'shop',
  host: `web-${n % 3}`,
  kind: 'METRIC',
  name: 'cpu.usage',
  severity: n % 2 === 0 ? 'WARNING' : 'INFO',
  value: n / 2,
  unit: '%',
  timestamp: 1_790_000_000_000_000 + n,
  labels: { region: 'eu-west' },
  message: null,
  traceId: null,
});

/** A busy machine needs seconds to start a browser four times. */
t.setTimeout(120_000);

let pageDir = '';
let service: TestService;

t.before(async () => {
  pageDir = await mkdtemp(join(tmpdir(), 'mds-page-'));
  await buildPage(pageDir);
  service = await startTestService(pageDir);
});
t.teardown(async () => {
  await service.close();
  await rm(pageDir, { recursive: true, force: true });
});

const SIZES = [
  { width: 1280, height: 800, colorScheme: 'light' },
  { width: 390, height: 844, colorScheme: 'dark' },
] as const;

for (const { width, height, colorScheme } of SIZES) {
  t.test(`at ${width} px a filter is typed, corrected and followed`, async (t) => {
    const browser = await startBrowser(chromium, { viewport: { width, height }, colorScheme });
    t.teardown(() => browser.close());
    const page = await browser.context.newPage();
    const failures: string[] = [];
    page.on('pageerror', (error) => failures.push(error.message));
    const foreign: string[] = [];
    page.on('request', (request) => {
      const isOwn = request.url().startsWith(service.api) || request.url().startsWith('data:');
      if (!isOwn) foreign.push(request.url());
    });
    await page.goto(`${service.api}/`);
    await page.waitForSelector('#connection[data-state="live"]');
    t.same(await page.locator('#topic option').allTextContents(), ['host.metrics', 'shop.orders']);
    await seeEvents(t, page, 0);
    await correctAFilter(t, page);
    await seeEvents(t, page, 100);
    await openAnEvent(t, page);
    t.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, 'nothing sticks out');
    t.same(failures, []);
    t.same(foreign, [], 'nothing is fetched from elsewhere');
  });
}

async function seeEvents(t: Tap, page: Page, from: number): Promise<void> {
  await page.waitForFunction(() => document.querySelector('#facts')?.textContent?.includes('Channel'));
  for (let n = from; n < from + 5; n++) service.publish(anEvent(n));
  await page.waitForFunction(() => document.querySelectorAll('.row').length === 5);
  const newest = await page.locator('.row').first().textContent();
  t.match(newest, new RegExp(`web-${(from + 4) % 3}`));
  t.match(newest, 'cpu.usage');
  t.equal(await page.locator('#events-note').textContent(), '5 so far');
  await page.waitForFunction(() => /\/s$/.test(document.querySelector('#rate-now')?.textContent ?? ''));
}

async function correctAFilter(t: Tap, page: Page): Promise<void> {
  await page.locator('#filter').pressSequentially('value > 1.0 && severty >= WARNING');
  await page.waitForSelector('#filter-verdict[data-state="invalid"]');
  t.match(await page.locator('#filter-verdict').textContent(), /no field severty/);
  t.equal(await page.locator('#filter-marks mark').textContent(), 'severty', 'the error is marked at its place');
  t.equal(await page.locator('#filter').getAttribute('aria-invalid'), 'true');
  const before = service.subscribes.length;
  await page.locator('button.suggestion').press('Enter');
  await page.waitForSelector('#filter-verdict[data-state="valid"]');
  t.equal(await page.locator('#filter').inputValue(), 'value > 1.0 && severity >= WARNING');
  t.equal(await page.locator('#filter-marks mark').count(), 0);
  // The connection panel shows the filter once the edge has confirmed the subscription.
  await page.waitForFunction(() => document.querySelector('#facts')?.textContent?.includes('severity >= WARNING'));
  t.equal(service.subscribes.length, before + 1);
  t.equal(service.subscribes.at(-1)?.filter, 'value > 1.0 && severity >= WARNING');
  t.match(decodeURIComponent(page.url()), /topic=host\.metrics&filter=value/, 'the view can be shared');
}

async function openAnEvent(t: Tap, page: Page): Promise<void> {
  const row = page.locator('.row').first();
  await row.focus();
  await page.keyboard.press('Enter');
  t.equal(await row.getAttribute('aria-expanded'), 'true');
  t.match(await page.locator('.detail').textContent(), '"region": "eu-west"');
  t.equal(await page.locator('#pause').getAttribute('aria-pressed'), 'true', 'what is read stays where it is');
  service.publish(anEvent(900));
  await page.waitForFunction(() => document.querySelector('#events-note')?.textContent?.includes('1 newer'));
  await page.locator('#pause').click();
  await page.keyboard.press('Escape');
}

t.test('a lost connection is shown, and mended by itself with nothing missing', async (t) => {
  const browser = await startBrowser(chromium);
  t.teardown(() => browser.close());
  const page = await browser.context.newPage();
  await page.goto(`${service.api}/#topic=host.metrics&filter=value > 2.0`);
  await page.waitForFunction(() => document.querySelector('#facts')?.textContent?.includes('Channel'));
  service.publish(anEvent(1));
  await page.waitForSelector('.row');
  service.dropConnections();
  service.publish(anEvent(2));
  await page.waitForFunction(() => document.querySelectorAll('.row').length === 2);
  t.ok(service.subscribes.at(-1)?.resume, 'it resumed by token');
  t.equal(await page.locator('#filter').inputValue(), 'value > 2.0');
});

t.test('a field is put into the filter by selecting it', async (t) => {
  const browser = await startBrowser(chromium);
  t.teardown(() => browser.close());
  const page = await browser.context.newPage();
  await page.goto(`${service.api}/`);
  await page.locator('.field', { hasText: 'host' }).click();
  t.equal(await page.locator('#filter').inputValue(), 'host == ""');
  await page.keyboard.type(' &&');
  await page.getByRole('button', { name: 'CRITICAL' }).click();
  t.equal(await page.locator('#filter').inputValue(), 'host == "" && severity == CRITICAL');
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.waitForSelector('#filter-verdict[data-state="empty"]');
  t.equal(await page.locator('#filter').inputValue(), '');
});

t.test('where the service asks who is there, a key is asked for, kept in the tab, and forgotten', async (t) => {
  const key = 'mds_3fK9aQ0LmZ7b_secret';
  service.credential = key;
  t.teardown(() => {
    service.credential = null;
  });
  const browser = await startBrowser(chromium, { viewport: { width: 1280, height: 800 } });
  t.teardown(() => browser.close());
  const page = await browser.context.newPage();
  const urls: string[] = [];
  page.on('request', (request) => urls.push(request.url()));
  const failures: string[] = [];
  page.on('pageerror', (error) => failures.push(error.message));
  await page.goto(`${service.api}/#topic=host.metrics&filter=value > 2.0`);
  const input = page.getByLabel('API key or token');
  await input.waitFor();
  t.equal(await input.evaluate((element) => element === document.activeElement), true, 'one can type at once');
  await page.keyboard.press('Escape');
  t.ok(await input.isVisible(), 'there is nothing behind it to see');
  await shot(page, 'sign-in');

  await input.fill('mds_3fK9aQ0LmZ7b_wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('does not know this key').waitFor();
  await shot(page, 'sign-in-refused');
  await input.fill(` ${key} `);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#connection[data-state="live"]');
  t.equal(await page.locator('#who').textContent(), 'acme');
  t.equal(await page.locator('#filter').inputValue(), 'value > 2.0', 'the view is the one that was asked for');
  await shot(page, 'signed-in');
  t.same(await page.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie]), [1, 0, '']);
  t.notOk(
    [...urls, page.url()].some((url) => url.includes('secret')),
    'no URL has the key',
  );

  await page.reload();
  await page.waitForSelector('#connection[data-state="live"]');
  const other = await browser.context.newPage();
  await other.goto(`${service.api}/`);
  await other.getByLabel('API key or token').waitFor();
  await other.close();

  service.credential = 'another';
  service.dropConnections(4504);
  await page.getByRole('alert').getByText('not good any more').waitFor();
  t.equal(await page.evaluate(() => sessionStorage.length), 0);
  service.credential = key;
  await input.fill(key);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#connection[data-state="live"]');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await input.waitFor();
  t.equal(await page.evaluate(() => sessionStorage.length), 0);
  t.same(failures, []);
});

t.test('at 390 px the form fits', async (t) => {
  service.credential = 'mds_key';
  t.teardown(() => {
    service.credential = null;
  });
  const browser = await startBrowser(chromium, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
  t.teardown(() => browser.close());
  const page = await browser.context.newPage();
  await page.goto(`${service.api}/`);
  await page.getByLabel('API key or token').waitFor();
  await shot(page, 'sign-in-narrow');
  t.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, 'nothing sticks out');
});

/** To look at: MDS_SCREENSHOTS names a directory. */
async function shot(page: Page, name: string): Promise<void> {
  const directory = process.env.MDS_SCREENSHOTS;
  if (directory !== undefined) await page.screenshot({ path: join(directory, `${name}.png`) });
}
