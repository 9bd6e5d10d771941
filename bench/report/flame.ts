// A .cpuprofile of V8 folded into a flame graph: samples of the same call path are one node, with the time that was spent in
// it and below. Format: Chrome DevTools Protocol, Profiler.Profile.

export interface FlameNode {
  /** Function and place, such as `run kernel.ts:120`. */
  readonly name: string;
  /** In it and in what it called. */
  readonly totalMs: number;
  readonly selfMs: number;
  /** Longest first. */
  readonly children: readonly FlameNode[];
}

export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface Building {
  readonly name: string;
  selfMs: number;
  readonly children: Map<string, Building>;
}

/** Deeper than any chart shows; hides nothing, as the time stays with the node at the limit. */
const MAX_DEPTH = 80;

/**
 * @param smallestShare nodes with less of the whole are left out; their time stays with their parent's total
 */
export function foldProfile(profile: CpuProfile, smallestShare = 0.001): FlameNode {
  const self = selfTimes(profile);
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const called = new Set(profile.nodes.flatMap(({ children = [] }) => children));
  const root: Building = { name: 'all', selfMs: 0, children: new Map() };
  const add = (id: number, into: Building, depth: number): void => {
    const node = byId.get(id);
    if (!node || NOT_WORK.has(node.callFrame.functionName)) return;
    const isRoot = node.callFrame.functionName === '(root)';
    const place = isRoot || depth >= MAX_DEPTH ? into : childOf(into, frameName(node.callFrame));
    place.selfMs += self.get(id) ?? 0;
    for (const child of node.children ?? []) add(child, place, depth + 1);
  };
  for (const { id } of profile.nodes) if (!called.has(id)) add(id, root, 0);
  const whole = finished(root, 0);
  return finished(root, whole.totalMs * smallestShare);
}

/** Functions by their own time, whatever called them. */
export interface TopFunction {
  readonly name: string;
  readonly selfMs: number;
  /** Of all time spent working. */
  readonly share: number;
}

export function topFunctions(root: FlameNode, count: number): TopFunction[] {
  const byName = new Map<string, number>();
  const visit = (node: FlameNode): void => {
    byName.set(node.name, (byName.get(node.name) ?? 0) + node.selfMs);
    node.children.forEach(visit);
  };
  visit(root);
  byName.delete('all');
  return [...byName]
    .map(([name, selfMs]) => ({ name, selfMs, share: root.totalMs > 0 ? selfMs / root.totalMs : 0 }))
    .sort((a, b) => b.selfMs - a.selfMs)
    .slice(0, count);
}

const NOT_WORK: ReadonlySet<string> = new Set(['(idle)', '(program)']);

/** The time up to the next sample belongs to the function that was seen. */
function selfTimes({ samples, timeDeltas }: CpuProfile): Map<number, number> {
  const self = new Map<number, number>();
  samples.forEach((id, i) => {
    const ms = Math.max(0, timeDeltas[i + 1] ?? 0) / 1000;
    self.set(id, (self.get(id) ?? 0) + ms);
  });
  return self;
}

function frameName({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const file = url.slice(url.lastIndexOf('/') + 1);
  return `${name} ${file}:${lineNumber + 1}`;
}

function childOf(parent: Building, name: string): Building {
  const known = parent.children.get(name);
  if (known) return known;
  const made: Building = { name, selfMs: 0, children: new Map() };
  parent.children.set(name, made);
  return made;
}

function finished({ name, selfMs, children }: Building, smallestMs: number): FlameNode {
  const below = [...children.values()].map((child) => finished(child, smallestMs));
  const totalMs = below.reduce((sum, child) => sum + child.totalMs, selfMs);
  const shown = below.filter((child) => child.totalMs >= smallestMs && child.totalMs > 0);
  return { name, totalMs, selfMs, children: shown.sort((a, b) => b.totalMs - a.totalMs) };
}
