// A headless Chromium of one's own: an empty profile, nothing fetched from anywhere, closed and removed at the end.

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where a Chromium is on the PATH, or null. */
export function findChromium(): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const places = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return places.find((place) => existsSync(place)) ?? null;
}

/** 10 s: every step of a page takes milliseconds; longer is a failure, also on a busy machine. */
const STEP_TIMEOUT_MS = 10_000;

export interface TestBrowser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** @param executablePath as `findChromium` found it */
export async function startBrowser(executablePath: string, options: BrowserContextOptions = {}): Promise<TestBrowser> {
  const profile = await mkdtemp(join(tmpdir(), 'mds-browser-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: FLAGS, ...options });
  context.setDefaultTimeout(STEP_TIMEOUT_MS);
  return {
    context,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
