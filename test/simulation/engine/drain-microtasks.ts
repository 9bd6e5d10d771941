// Runs all settled promises now, inside one turn of the event loop, so that a whole run is one synchronous call in which
// nothing of the machine can interfere. Node runs its ticks and promises with the same function between two callbacks.

const ticks = process as unknown as { readonly _tickCallback?: () => void };

/** Must not be called from a promise's reaction: those are what it runs. */
export function drainMicrotasks(): void {
  ticks._tickCallback?.();
}

/** @throws Error when this Node cannot do it, or the caller is a promise's reaction */
export function assertDrains(): void {
  let isDrained = false;
  void Promise.resolve().then(() => {
    isDrained = true;
  });
  drainMicrotasks();
  if (!isDrained) throw new Error('promises cannot be run from here: call it from a timer or immediate');
}
