// Runs the planned points one after the other, each in a process of its own: nothing of one point's compiled code, heap or
// harness is there when the next is measured.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { PointResult } from './measure-point.ts';
import type { PlannedPoint } from './points.ts';

export interface PointFailure {
  readonly point: string;
  readonly message: string;
}

export interface PointsOutcome {
  readonly points: readonly PointResult[];
  readonly failures: readonly PointFailure[];
}

/** 90 s: the slowest point makes 100,000 plans twice, half a minute, and measures for two seconds. */
const POINT_TIMEOUT_MS = 90_000;
const ENTRY = fileURLToPath(new URL('point.ts', import.meta.url));
/** Beyond this the tail of what a failed point said is enough. */
const MAX_OUTPUT_BYTES = 16 << 20;
const MESSAGE_LINES = 6;

const run = promisify(execFile);

/** @param profileFile where the first point leaves a .cpuprofile, in a run of its own after it was measured */
export async function runPoints(
  planned: readonly PlannedPoint[],
  progress: (line: string) => void,
  profileFile?: string,
): Promise<PointsOutcome> {
  const points: PointResult[] = [];
  const failures: PointFailure[] = [];
  for (const [i, point] of planned.entries()) {
    const name = pointName(point);
    try {
      const result = await runPoint(point);
      points.push(result);
      const rate = (result.kernel.perCore.median / 1e6).toFixed(2);
      progress(`${i + 1}/${planned.length} ${name}: ${rate} million events/s/core`);
    } catch (error) {
      failures.push({ point: name, message: failureText(error) });
      progress(`${i + 1}/${planned.length} ${name}: FAILED: ${failureText(error)}`);
    }
  }
  const [first] = planned;
  if (first && profileFile !== undefined) await runPoint({ ...first, referenceSeconds: 0 }, ['--profile', profileFile]);
  return { points, failures };
}

export const pointName = ({ kind, channelCount, matchesPerEvent }: PlannedPoint): string =>
  `${kind}, ${channelCount.toLocaleString('en')} channels, ${matchesPerEvent} matches/event`;

async function runPoint(point: PlannedPoint, more: readonly string[] = []): Promise<PointResult> {
  const options = {
    kind: point.kind,
    channels: point.channelCount,
    matches: point.matchesPerEvent,
    seconds: point.seconds,
    repetitions: point.repetitions,
    'warmup-seconds': point.warmupSeconds,
    'reference-seconds': point.referenceSeconds,
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { stdout } = await run(process.execPath, [ENTRY, ...args, '--json', ...more], {
    timeout: POINT_TIMEOUT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  return JSON.parse(stdout) as PointResult; // written by point.ts
}

/** What the point itself said, without the command line that it was started with. */
function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const said = 'stderr' in error ? String(error.stderr).trim() : '';
  if ('killed' in error && error.killed) return `not done within ${POINT_TIMEOUT_MS / 1000} s`;
  const at = said.split('\n').findIndex((line) => /Error: /.test(line));
  return said === ''
    ? error.message
    : said
        .split('\n')
        .slice(Math.max(0, at), at + MESSAGE_LINES)
        .join(' ');
}
