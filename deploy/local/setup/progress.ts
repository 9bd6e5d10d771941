// Progress of set-up on a person's terminal or in a CI log: one line when a step starts, a sign of life every 15 s while it
// runs, one line with what it did and how long it took. Steps that have nothing to do print nothing.

/** A CI log stays readable and a person does not wonder whether it hangs. */
const SIGN_OF_LIFE_MS = 15_000;

export type Say = (line: string) => void;

/** Runs one step. `title` says what happens and about how long it takes. */
export async function step<T>(title: string, work: () => Promise<T>, say: Say = sayOnStdout): Promise<T> {
  const startedMs = performance.now();
  const seconds = () => ((performance.now() - startedMs) / 1000).toFixed(1);
  say(`  … ${title}`);
  const timer = setInterval(
    () => say(`  … still at it after ${Math.round(Number(seconds()))} s: ${title}`),
    SIGN_OF_LIFE_MS,
  );
  try {
    const result = await work();
    say(`  ✓ ${title} [${seconds()} s]`);
    return result;
  } finally {
    clearInterval(timer);
  }
}

export function sayOnStdout(line: string): void {
  process.stdout.write(`${line}\n`);
}
