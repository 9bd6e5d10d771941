// The two charts: rate, and latency as median and 99th percentile. Colours come from the stylesheet, also when the system
// changes between light and dark.

import uPlot from 'uplot';
import { byId, element } from './dom.ts';
import { formatMs, formatRate } from './format.ts';
import type { TrafficSeries } from './traffic.ts';

interface ChartLine {
  readonly label: string;
  /** Name of the CSS variable with its colour. */
  readonly colour: string;
  readonly filled: boolean;
}

const PLOT_FALLBACK_PX = { width: 300, height: 132 };

class Chart {
  readonly #host: HTMLElement;
  readonly #lines: readonly ChartLine[];
  readonly #format: (value: number) => string;
  #plot: uPlot;
  #data: uPlot.AlignedData;

  constructor(host: HTMLElement, lines: readonly ChartLine[], format: (value: number) => string) {
    this.#host = host;
    this.#lines = lines;
    this.#format = format;
    this.#data = [[], ...lines.map(() => [])];
    this.#plot = this.#draw();
    new ResizeObserver(() => this.#plot.setSize(this.#size())).observe(host);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#plot.destroy();
      this.#plot = this.#draw();
    });
  }

  show(seconds: readonly number[], ...lines: readonly (readonly (number | null)[])[]): void {
    this.#data = [[...seconds], ...lines.map((line) => [...line])];
    this.#plot.setData(this.#data);
  }

  #size(): { width: number; height: number } {
    return {
      width: this.#host.clientWidth || PLOT_FALLBACK_PX.width,
      height: this.#host.clientHeight || PLOT_FALLBACK_PX.height,
    };
  }

  #draw(): uPlot {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour('--text-soft'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui, sans-serif',
      gap: 4,
    };
    const options: uPlot.Options = {
      ...this.#size(),
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 18, 0, 0],
      scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.15 : 1] } },
      axes: [
        { ...axis, size: 22, space: 80, grid: { show: false }, values: (_plot, marks) => marks.map(clockOf) },
        { ...axis, size: 46, space: 32, values: (_plot, marks) => marks.map(this.#format) },
      ],
      series: [
        {},
        ...this.#lines.map(({ label, colour: name, filled }) => ({
          label,
          stroke: colour(name),
          width: 1.5,
          points: { show: false },
          spanGaps: true,
          ...(filled ? { fill: colour('--accent-soft') } : {}),
        })),
      ],
    };
    return new uPlot(options, this.#data, this.#host);
  }
}

const clockOf = (second: number): string => {
  const date = new Date(second * 1000);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
};

export class Charts {
  readonly #rate = new Chart(
    byId('rate-chart', HTMLDivElement),
    [{ label: 'events/s', colour: '--accent', filled: true }],
    (value) => value.toLocaleString('en', { notation: 'compact' }),
  );
  readonly #latency = new Chart(
    byId('latency-chart', HTMLDivElement),
    [
      { label: 'p50', colour: '--accent', filled: false },
      { label: 'p99', colour: '--accent-second', filled: false },
    ],
    (value) => (value >= 1000 ? `${value / 1000} s` : `${value} ms`),
  );
  readonly #rateNow = byId('rate-now', HTMLOutputElement);
  readonly #latencyNow = byId('latency-now', HTMLOutputElement);

  show({ seconds, eventsPerSecond, p50Ms, p99Ms }: TrafficSeries): void {
    this.#rate.show(seconds, eventsPerSecond);
    this.#latency.show(seconds, p50Ms, p99Ms);
    const rate = eventsPerSecond.at(-1) ?? null;
    this.#rateNow.textContent = rate === null ? '–' : formatRate(rate);
    const lastOf = (line: readonly (number | null)[]): string =>
      formatMs(line.findLast((value) => value !== null) ?? null);
    this.#latencyNow.replaceChildren(
      element('span', { class: 'first' }, `p50 ${lastOf(p50Ms)}`),
      ' ',
      element('span', { class: 'second' }, `p99 ${lastOf(p99Ms)}`),
    );
  }
}
