// What each tier costs, as a straight line: CPU time = Σ coefficient × amount of work. Fitted to the measured runs of a
// result; no coefficient is below zero, for no work gives time back. Pure.

/** Work that costs something, as amounts in one run or in one second. */
export const WORK = [
  'seconds',
  'millionEvents',
  'megabytesIn',
  'millionMatches',
  'laneMegabytes',
  'millionDeliveries',
  'clientMegabytes',
] as const;
export type Work = (typeof WORK)[number];
export type WorkAmounts = Readonly<Record<Work, number>>;

export const TIERS = ['broker', 'workerMain', 'kernel', 'redis', 'edge'] as const;
export type Tier = (typeof TIERS)[number];

/** One measured run: the work that was done, and the CPU-seconds of each tier. */
export interface CostSample {
  readonly name: string;
  readonly work: WorkAmounts;
  readonly cpuSeconds: Readonly<Record<Tier, number>>;
}

export interface Coefficient {
  readonly work: Work;
  /** CPU-seconds for one of it. */
  readonly value: number;
  /** How far it moves when any one of the samples is left out. */
  readonly low: number;
  readonly high: number;
}

export interface TierModel {
  readonly tier: Tier;
  readonly coefficients: readonly Coefficient[];
  /** The coefficients again, in the same order, as they are without each of the samples: how sure the model is. */
  readonly alternatives: readonly (readonly number[])[];
}

/** What a tier's time depends on. More terms would fit better and foretell worse: there are few runs to fit them to. */
const TERMS: Readonly<Record<Tier, readonly Work[]>> = {
  broker: ['seconds', 'megabytesIn'],
  workerMain: ['seconds', 'megabytesIn', 'laneMegabytes'],
  kernel: ['millionEvents', 'millionMatches'],
  redis: ['seconds', 'laneMegabytes'],
  edge: ['seconds', 'millionDeliveries', 'clientMegabytes'],
};

/** Two more runs than terms, so that one can be left out and the fit still has something to decide. */
const SPARE_SAMPLES = 2;

/**
 * @returns a model of every tier
 * @throws Error when there are too few samples for any fit
 */
export function fitCosts(samples: readonly CostSample[]): TierModel[] {
  if (samples.length < SPARE_SAMPLES) throw new Error(`${samples.length} measured runs are too few to fit costs to`);
  return TIERS.map((tier) => {
    const works = TERMS[tier].slice(-Math.max(1, samples.length - SPARE_SAMPLES));
    const values = fitTier(tier, works, samples);
    const without = samples.map((left) =>
      fitTier(
        tier,
        works,
        samples.filter((sample) => sample !== left),
      ),
    );
    const coefficients = works.map((work, i) => {
      const value = values[i] ?? 0;
      const others = without.map((fit) => fit[i] ?? 0);
      return { work, value, low: Math.min(value, ...others), high: Math.max(value, ...others) };
    });
    return { tier, coefficients, alternatives: without };
  });
}

export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** CPU-seconds that the work takes of the tier; low and high as the alternatives say. */
export function costOf({ coefficients, alternatives }: TierModel, work: WorkAmounts): Estimate {
  const amounts = coefficients.map((coefficient) => work[coefficient.work]);
  const total = (values: readonly number[]): number =>
    values.reduce((sum, value, i) => sum + value * (amounts[i] ?? 0), 0);
  const value = total(coefficients.map((coefficient) => coefficient.value));
  const others = alternatives.map(total);
  return { value, low: Math.min(value, ...others), high: Math.max(value, ...others) };
}

/** A run foretold by a model that never saw it. */
export interface Foretold {
  readonly name: string;
  readonly tier: Tier;
  readonly measured: number;
  readonly foretold: number;
  /** (foretold - measured) / measured */
  readonly error: number;
}

/** Leaves each sample out once, and foretells it from the others. */
export function checkModel(samples: readonly CostSample[]): Foretold[] {
  return samples.flatMap((left) => {
    const models = fitCosts(samples.filter((sample) => sample !== left));
    return models.map((model) => {
      const measured = left.cpuSeconds[model.tier];
      const foretold = costOf(model, left.work).value;
      return { name: left.name, tier: model.tier, measured, foretold, error: (foretold - measured) / measured };
    });
  });
}

function fitTier(tier: Tier, works: readonly Work[], samples: readonly CostSample[]): number[] {
  const rows = samples.map(({ work }) => works.map((name) => work[name]));
  return leastSquares(
    rows,
    samples.map(({ cpuSeconds }) => cpuSeconds[tier]),
  );
}

const MAX_ROUNDS = 20_000;
const SMALL_STEP = 1e-12;

/**
 * Coefficients ≥ 0 that make rows × coefficients come closest to the targets, by coordinate descent. Errors count relative
 * to the target, so that a run at a low rate says as much as one at a high rate.
 */
export function leastSquares(rows: readonly (readonly number[])[], targets: readonly number[]): number[] {
  const width = rows[0]?.length ?? 0;
  const weighted = rows.map((row, i) => row.map((value) => value / weightOf(targets[i])));
  const wanted = targets.map((target) => target / weightOf(target));
  const squares = Array.from({ length: width }, (_, j) => weighted.reduce((sum, row) => sum + (row[j] ?? 0) ** 2, 0));
  const found = new Array<number>(width).fill(0);
  const left = [...wanted];
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let moved = 0;
    for (let j = 0; j < width; j++) {
      const square = squares[j] ?? 0;
      if (square === 0) continue;
      const pull = weighted.reduce((sum, row, i) => sum + (row[j] ?? 0) * (left[i] ?? 0), 0);
      const before = found[j] ?? 0;
      const next = Math.max(0, before + pull / square);
      found[j] = next;
      weighted.forEach((row, i) => {
        left[i] = (left[i] ?? 0) - (next - before) * (row[j] ?? 0);
      });
      moved = Math.max(moved, Math.abs(next - before) * Math.sqrt(square));
    }
    if (moved < SMALL_STEP) break;
  }
  return found;
}

/** A run in which the tier did nothing measurable must not outweigh all others. */
const LEAST_WEIGHT = 1e-3;
const weightOf = (target = 0): number => Math.max(LEAST_WEIGHT, Math.abs(target));
