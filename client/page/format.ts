// Numbers and times as the page writes them.

export const formatCount = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 0 });

export const formatRate = (perSecond: number): string =>
  `${perSecond.toLocaleString('en', { maximumFractionDigits: perSecond < 10 ? 1 : 0 })}/s`;

export function formatMs(ms: number | null): string {
  if (ms === null) return '–';
  if (ms >= 10_000) return `${(ms / 1000).toFixed(0)} s`;
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

/** Larger numbers are micro- or nanoseconds: as ms they would lie beyond the year 5000. */
const LATEST_MS = 1e14;

/** The time of day in the local zone, with ms. */
export function formatTime(value: unknown): string {
  let ms = typeof value === 'string' && /[^0-9]/.test(value) ? Date.parse(value) : Number(value);
  while (ms > LATEST_MS) ms /= 1000;
  if (!Number.isFinite(ms)) return String(value ?? '');
  const date = new Date(ms);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0'));
  return `${clock.join(':')}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** Any value of an event in one line. */
export function formatValue(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
  if (Array.isArray(value)) return value.map(formatValue).join(' ');
  if (typeof value !== 'object') return String(value);
  return Object.entries(value)
    .map(([key, inner]) => `${key}=${formatValue(inner)}`)
    .join(' ');
}
