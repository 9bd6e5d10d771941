// Finds the highest rate that a load bears: upwards by a factor while it does, then between the last that it bore and the
// first that it did not. A rate counts as borne when its latency is within the limit, nothing is lost, the service kept up
// and the generator did too; one that is not gets a second try, because a machine is never quite quiet. All tries are told.

import { type LoadRun, latencyAt } from '../result.ts';
import { isSaturation, type LoadGenerator } from './load-generator.ts';

export interface RateSearch {
  readonly title: string;
  readonly limitMs: number;
  /** First rate, events/s. */
  readonly from: number;
  /** Rates tried in all. */
  readonly steps: number;
  readonly progress: (line: string) => void;
}

export interface FoundRate {
  /** 0: not even the first was borne. */
  readonly best: number;
  readonly runs: readonly LoadRun[];
}

const FACTOR = 2;
const FIRST_WARMUP_SECONDS = 10;
const WARMUP_SECONDS = 1.5;
const MEASURED_SECONDS = 4;
/** What was taken in the measured time, of what was offered. */
const KEPT_UP = 0.97;
const MAX_SATURATED_RUNS = 5;

export async function highestRate(load: LoadGenerator, search: RateSearch): Promise<FoundRate> {
  const runs: LoadRun[] = [];
  let best = 0;
  let borne = 0;
  let failed = Number.POSITIVE_INFINITY;
  let rate = search.from;
  const tried = async (again: boolean): Promise<boolean> => {
    const run = await runAt(load, rate, search, runs.length === 0 ? FIRST_WARMUP_SECONDS : WARMUP_SECONDS, again);
    const isBorne = bears(run, search.limitMs);
    search.progress(describe(run, isBorne));
    runs.push(withoutSaturation(run));
    if (isBorne) best = Math.max(best, run.achievedEventsPerSecond);
    return isBorne;
  };
  while (runs.length < search.steps) {
    if ((await tried(false)) || (runs.length < search.steps && (await tried(true)))) borne = Math.max(borne, rate);
    else failed = Math.min(failed, rate);
    rate = nextRate(rate, borne, failed);
  }
  return { best, runs };
}

function nextRate(rate: number, borne: number, failed: number): number {
  if (borne === 0) return rounded(failed / FACTOR);
  return failed === Number.POSITIVE_INFINITY ? rate * FACTOR : rounded((borne + failed) / 2);
}

/** Offers more and more until it is no longer taken; the most that was. */
export async function saturatedRate(
  load: LoadGenerator,
  { runs }: FoundRate,
  { title, progress }: Pick<RateSearch, 'title' | 'progress'>,
): Promise<{ readonly eventsPerSecond: number; readonly runs: readonly LoadRun[] }> {
  const saturated: LoadRun[] = [];
  let rate = Math.max(...runs.map(({ offeredEventsPerSecond }) => offeredEventsPerSecond));
  while (saturated.length < MAX_SATURATED_RUNS) {
    rate = rounded(rate * 1.5);
    const phase = { eventsPerSecond: rate, seconds: MEASURED_SECONDS };
    const name = `${title} at ${rate.toLocaleString('en')}/s, whatever the latency`;
    const run = await load.run({ name, warmup: { ...phase, seconds: WARMUP_SECONDS }, phases: [phase] });
    progress(describe(run, false));
    saturated.push(withoutSaturation(run));
    if (run.achievedEventsPerSecond < rate * KEPT_UP || run.failures.length > 0) break;
    if (latencyAt(run.latency, 0.5) > MEASURED_SECONDS * 100) break; // a backlog that grows is taken only later
  }
  const taken = saturated.map(({ achievedEventsPerSecond }) => achievedEventsPerSecond);
  return { eventsPerSecond: Math.max(...taken), runs: saturated };
}

function runAt(
  load: LoadGenerator,
  rate: number,
  { title }: RateSearch,
  warmupSeconds: number,
  again: boolean,
): Promise<LoadRun> {
  return load.run({
    name: `${title} at ${rate.toLocaleString('en')}/s${again ? ', again' : ''}`,
    warmup: { eventsPerSecond: rate, seconds: warmupSeconds },
    phases: [{ eventsPerSecond: rate, seconds: MEASURED_SECONDS }],
  });
}

export const bears = (run: LoadRun, limitMs: number): boolean =>
  run.failures.length === 0 &&
  latencyAt(run.latency, 0.99) < limitMs &&
  run.achievedEventsPerSecond > run.offeredEventsPerSecond * KEPT_UP;

/** To search for a limit is to go beyond it: a rate that the machine cannot make is then no failure of the suite. */
const withoutSaturation = (run: LoadRun): LoadRun => ({
  ...run,
  failures: run.failures.filter((failure) => !isSaturation(failure)),
  beyond: run.failures.filter(isSaturation),
});

/** To two digits. */
function rounded(rate: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(rate)) - 1);
  return Math.round(rate / unit) * unit;
}

function describe(run: LoadRun, isBorne: boolean): string {
  const [p50, p99] = [latencyAt(run.latency, 0.5), latencyAt(run.latency, 0.99)];
  const cpu = Object.entries(run.cpuSeconds).map(([tier, seconds]) => `${tier} ${(seconds / run.seconds).toFixed(2)}`);
  const taken = Math.round(run.achievedEventsPerSecond).toLocaleString('en');
  return [
    `${run.name}: taken ${taken}/s, P50 ${p50.toFixed(1)} ms, P99 ${p99.toFixed(1)} ms${isBorne ? '' : ' ✗'}`,
    `delivered ${run.received} of ${run.expected}`,
    `cores: ${cpu.join(', ')}`,
    ...run.failures,
  ].join(' · ');
}
