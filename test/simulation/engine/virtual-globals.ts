// Gives virtual time and seeded chance to code that takes them from the machine: timers, Date.now, performance.now,
// Math.random, randomBytes and timers/promises. Installed only while a run is under way, which is one synchronous call.

import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import type { Simulator } from './simulator.ts';

class VirtualTimer {
  cancel: () => void = () => {};
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

type Action = (...values: unknown[]) => void;

/** @returns puts the machine's own ones back */
export function installVirtualGlobals(simulator: Simulator): () => void {
  const plan = (delayMs: number, what: string, action: () => void): (() => void) =>
    simulator.plan(delayMs, simulator.current, what, action);
  const after = (action: Action, delayMs = 0, ...values: unknown[]): VirtualTimer => {
    const timer = new VirtualTimer();
    timer.cancel = plan(Math.max(1, delayMs), 'timer', () => action(...values));
    return timer;
  };
  const every = (action: Action, intervalMs = 1, ...values: unknown[]): VirtualTimer => {
    const timer = new VirtualTimer();
    const again = (): void => {
      timer.cancel = plan(intervalMs, 'interval', () => {
        again();
        action(...values);
      });
    };
    again();
    return timer;
  };
  const immediately = (action: Action, ...values: unknown[]): VirtualTimer => {
    const timer = new VirtualTimer();
    timer.cancel = plan(0, 'immediate', () => action(...values));
    return timer;
  };
  const cancel = (timer: unknown): void => {
    if (timer instanceof VirtualTimer) timer.cancel();
  };
  const delay = (delayMs = 0, value: unknown = undefined): Promise<unknown> =>
    new Promise((resolve) => {
      plan(Math.max(1, delayMs), 'delay', () => resolve(value));
    });
  const restore = [
    replace(globalThis, 'setTimeout', after),
    replace(globalThis, 'setInterval', every),
    replace(globalThis, 'setImmediate', immediately),
    replace(globalThis, 'clearTimeout', cancel),
    replace(globalThis, 'clearInterval', cancel),
    replace(globalThis, 'clearImmediate', cancel),
    replace(Date, 'now', () => Math.floor(simulator.nowMs) + (simulator.current?.clockSkewMs ?? 0)),
    replace(performance, 'now', () => simulator.elapsedMs),
    replace(performance, 'timeOrigin', simulator.nowMs),
    replace(Math, 'random', simulator.random.next),
    replace(timersPromises, 'setTimeout', delay),
    replace(crypto, 'randomBytes', (count: number) =>
      Buffer.from(Array.from({ length: count }, () => simulator.random.below(256))),
    ),
  ];
  syncBuiltinESMExports();
  return () => {
    for (const putBack of restore) putBack();
    syncBuiltinESMExports();
  };
}

function replace(owner: object, name: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  return () => {
    if (before) Object.defineProperty(owner, name, before);
    else Reflect.deleteProperty(owner, name);
  };
}
