// Numbers as a person reads them: three digits that matter, and a unit that fits the size.

const STEPS = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** 12,345,678 → "12.3M"; 0.01234 → "0.0123" */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  for (const [step, letter] of STEPS) {
    if (Math.abs(value) >= step * 0.9995) return `${digits(value / step)}${letter}`;
  }
  return digits(value);
}

function digits(value: number): string {
  if (value === 0) return '0';
  const text = Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
  return text.includes('.') && !text.includes('e') ? text.replace(/\.?0+$/, '') : text;
}

/** 0.000123 s → "123 µs" */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  if (ms === 0) return '0 ms';
  if (Math.abs(ms) < 0.001) return `${digits(ms * 1e6)} ns`;
  if (Math.abs(ms) < 1) return `${digits(ms * 1e3)} µs`;
  if (Math.abs(ms) < 1000) return `${digits(ms)} ms`;
  return `${digits(ms / 1000)} s`;
}

export function byteCount(bytes: number): string {
  if (Math.abs(bytes) < 1000) return `${digits(bytes)} B`;
  if (Math.abs(bytes) < 1e6) return `${digits(bytes / 1e3)} KB`;
  if (Math.abs(bytes) < 1e9) return `${digits(bytes / 1e6)} MB`;
  return `${digits(bytes / 1e9)} GB`;
}
