// The one live line of `make run`: what comes in, what goes out, how long it takes, for how many. From GET /v1/status.

export interface Totals {
  readonly eventsInPerSecond: number;
  readonly deliveriesPerSecond: number;
  readonly latencyP99Ms: number | null;
  readonly connections: number;
}

/** On a terminal the line is drawn again each second; in a log a line each 10 s says enough. */
export const TERMINAL_EVERY_MS = 1_000;
export const LOG_EVERY_MS = 10_000;

export function formatTotals({ eventsInPerSecond, deliveriesPerSecond, latencyP99Ms, connections }: Totals): string {
  return [
    `events/s in ${formatRate(eventsInPerSecond)}`,
    `deliveries/s out ${formatRate(deliveriesPerSecond)}`,
    // nobody listens, so nothing was delivered that could have been late
    `P99 ${latencyP99Ms === null ? '–' : `${latencyP99Ms.toFixed(1)} ms`}`,
    `clients ${connections}`,
  ].join(' · ');
}

/** The totals of a status answer; throws when it is not one. */
export function totalsFrom(status: unknown): Totals {
  const totals = field(status, 'totals');
  const p99 = field(totals, 'latencyP99Ms');
  return {
    eventsInPerSecond: numberField(totals, 'eventsInPerSecond'),
    deliveriesPerSecond: numberField(totals, 'deliveriesPerSecond'),
    latencyP99Ms: typeof p99 === 'number' ? p99 : null,
    connections: numberField(totals, 'connections'),
  };
}

/** What replaces the last line on a terminal of that width (0: not known): return, erase, text cut to fit. */
export function redrawn(text: string, columns: number): string {
  if (columns === 0) return redrawn(text, 80);
  return `\r\u001b[2K${text.length >= columns ? `${text.slice(0, columns - 2)}…` : text}`;
}

/** @param apiKey null where authentication is off */
export async function fetchTotals(apiUrl: string, apiKey: string | null): Promise<Totals> {
  const response = await fetch(`${apiUrl}/v1/status`, {
    headers: apiKey === null ? {} : { authorization: `Bearer ${apiKey}` },
    signal: AbortSignal.timeout(TERMINAL_EVERY_MS - 100),
  });
  if (!response.ok) throw new Error(`GET /v1/status was answered by ${response.status}`);
  return totalsFrom(await response.json());
}

function formatRate(perSecond: number): string {
  return Math.round(perSecond).toLocaleString('en-US');
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !(name in value)) {
    throw new Error(`the status has no ${name}`);
  }
  return (value as Record<string, unknown>)[name];
}

function numberField(value: unknown, name: string): number {
  const number = field(value, name);
  if (typeof number !== 'number') throw new Error(`${name} in the status is not a number`);
  return number;
}
