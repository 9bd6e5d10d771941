// Where results lie: a directory for each run with result.json, report.html and profiles, below .mds/bench.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { placesOf } from '../deploy/local/places.ts';
import type { CpuProfile } from './report/flame.ts';
import { type ReadProfile, renderReport } from './report/render-report.ts';
import type { Result } from './result.ts';

const RESULT_FILE = 'result.json';
const REPORT_FILE = 'report.html';
const FORMAT_VERSION = 1;

/** @returns a new directory, named so that the newest comes last in order of names */
export function makeResultDirectory(now: Date): string {
  const directory = join(resultsDirectory(), now.toISOString().slice(0, 19).replaceAll(':', '-'));
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** @returns the report's place */
export function writeResult(directory: string, result: Result): string {
  writeFileSync(join(directory, RESULT_FILE), JSON.stringify(result));
  const report = join(directory, REPORT_FILE);
  writeFileSync(report, renderReport(result, profileReader(directory)));
  return report;
}

/**
 * @param place a result.json, or a directory that holds one; absent: the newest result
 * @throws Error that says what is wrong with the place
 */
export function readResult(place = newestResult()): Result {
  const file = existsSync(place) && statSync(place).isDirectory() ? join(place, RESULT_FILE) : place;
  if (!existsSync(file)) throw new Error(`there is no result at ${place}`);
  const result: Result = JSON.parse(readFileSync(file, 'utf8'));
  if (result.formatVersion !== FORMAT_VERSION) {
    throw new Error(`${file} has format ${result.formatVersion}, this program reads ${FORMAT_VERSION}`);
  }
  return result;
}

const resultsDirectory = (): string => join(placesOf(process.env.MDS_HOME).home, 'bench');

function newestResult(): string {
  const directory = resultsDirectory();
  const runs = existsSync(directory) ? readdirSync(directory).sort() : [];
  const newest = runs.filter((run) => existsSync(join(directory, run, RESULT_FILE))).at(-1);
  if (newest === undefined) throw new Error('there is no result yet: run make bench first');
  return join(directory, newest);
}

function profileReader(directory: string): ReadProfile {
  return (file) => {
    const place = join(directory, file);
    return existsSync(place) ? (JSON.parse(readFileSync(place, 'utf8')) as CpuProfile) : null; // V8 wrote it
  };
}
