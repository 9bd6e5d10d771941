// Runs in the reader's browser: the read-out under the pointer on line charts, and widening boxes of flame graphs. The page
// is complete without it. render-report.ts puts it into the page.

interface ReadOut {
  readonly label: string;
  readonly points: readonly { readonly at: number; readonly x: string; readonly y: string }[];
}

const SVG_WIDTH = 640;

for (const chart of document.querySelectorAll<HTMLElement>('[data-lines]')) addReadOut(chart);
for (const flame of document.querySelectorAll<HTMLElement>('.flame')) flame.addEventListener('click', widen);

function addReadOut(chart: HTMLElement): void {
  const lines: readonly ReadOut[] = JSON.parse(chart.dataset.lines ?? '[]');
  const plot = chart.querySelector<HTMLElement>('.plot');
  const pointer = chart.querySelector<SVGLineElement>('.pointer');
  if (!plot || !pointer) return;
  const box = document.createElement('div');
  box.className = 'readout';
  box.hidden = true;
  plot.append(box);
  plot.addEventListener('pointermove', (event) => {
    const frame = plot.getBoundingClientRect();
    const at = (event.clientX - frame.left) / frame.width;
    const nearest = closest(
      lines.flatMap(({ points }) => points),
      at,
    );
    if (!nearest) return;
    for (const end of ['x1', 'x2']) pointer.setAttribute(end, String(nearest.at * SVG_WIDTH));
    box.replaceChildren(...readOutRows(lines, nearest));
    box.hidden = false;
    const room = frame.width * (1 - nearest.at) > box.offsetWidth + 20;
    box.style.left = `${nearest.at * frame.width + (room ? 12 : -12 - box.offsetWidth)}px`;
  });
  plot.addEventListener('pointerleave', () => {
    box.hidden = true;
    for (const end of ['x1', 'x2']) pointer.setAttribute(end, '-9');
  });
}

/** Points of other lines belong to the read-out when they are this close, as a share of the chart. */
const SAME_PLACE = 0.012;

function readOutRows(lines: readonly ReadOut[], { at, x }: ReadOut['points'][number]): HTMLElement[] {
  const heading = document.createElement('b');
  heading.textContent = x;
  const rows = lines.flatMap(({ label, points }, i) => {
    const point = closest(points, at);
    if (!point || Math.abs(point.at - at) > SAME_PLACE) return [];
    const row = document.createElement('span');
    row.className = `s${i % 8}`;
    row.textContent = `${label}: ${point.y}`;
    return [row];
  });
  return [heading, ...rows];
}

function closest<Point extends { readonly at: number }>(points: readonly Point[], at: number): Point | undefined {
  let best: Point | undefined;
  for (const point of points) if (!best || Math.abs(point.at - at) < Math.abs(best.at - at)) best = point;
  return best;
}

function widen(event: Event): void {
  const clicked = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>('.box') : null;
  const flame = clicked?.closest('.flame');
  if (!clicked || !flame) return;
  const [left, width] = [Number(clicked.dataset.x), Number(clicked.dataset.w)];
  for (const box of flame.querySelectorAll<HTMLElement>('.box')) {
    const start = (Number(box.dataset.x) - left) / width;
    const share = Number(box.dataset.w) / width;
    const outside = start + share <= 0 || start >= 1;
    const [shownStart, shownEnd] = [Math.max(0, start), Math.min(1, start + share)];
    box.hidden = outside;
    box.style.left = `${shownStart * 100}%`;
    box.style.width = `${(shownEnd - shownStart) * 100}%`;
  }
}
