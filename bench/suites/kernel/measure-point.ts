// Measures one point of the kernel suite: this shape of filters and events through the real kernel, checked against the
// reference programs and compared with their speed. To be run in a process of its own (point.ts).
//
//   check (counts of every channel, text of every event) ─▶ warm-up ─▶ repetitions ─▶ reference programs

import { crc32 } from 'node:zlib';
import { type EventRecord, eventRecords, type FilledSlab, fillSlabs } from './event-records.ts';
import { type BenchChannel, channelsOf, eventType, KernelRun } from './kernel-run.ts';
import { batchDecoder, type ReferencePrograms, referencePrograms } from './references.ts';
import { type Spread, spreadOf } from './spread.ts';
import { type KernelWorkload, kernelWorkload, type WorkloadShape } from './workload.ts';

export interface PointRequest extends WorkloadShape {
  /** Time for the repetitions together. */
  readonly seconds: number;
  readonly repetitions: number;
  readonly warmupSeconds: number;
  /** Events of one record: 500 unless told otherwise. */
  readonly recordEvents: number;
  /** Time for each of the two reference programs; 0: they only check. */
  readonly referenceSeconds: number;
}

/** Events per second of CPU time of this process (its collector's threads included), and of the clock. */
export interface Speed {
  readonly perCore: Spread;
  readonly perSecond: Spread;
}

export interface PointResult {
  readonly request: PointRequest;
  readonly kernel: Speed;
  readonly nsPerEvent: number;
  readonly everyFilter: Speed | null;
  readonly hashLookup: Speed | null;
  readonly seenMatchesPerEvent: number;
  readonly eventBytes: number;
  readonly outputBytesPerEvent: number;
  readonly measuredEvents: number;
  /** Time to add all channels to the kernel, plans already made. */
  readonly addMs: number;
  readonly rssBytes: number;
  readonly checked: Checked;
}

export interface Checked {
  /** Events whose matches were compared, channel by channel and text by text, with the hash lookup's. */
  readonly events: number;
  readonly matches: number;
  /** Events on which the hash lookup was compared with every filter in turn. */
  readonly exhaustiveEvents: number;
}

export type Around = (work: () => Speed) => Speed | Promise<Speed>;

/** 8 slabs of 1 MiB: more than the second-level cache holds, as in a worker where they come from another core. */
const SLABS = 8;
/** No slab may take longer, or a slow kernel would be measured on one slab only. */
const MAX_SLAB_MS = 250;
const EXHAUSTIVE_EVALUATIONS = 2_000_000;

/** @param around runs the measured repetitions, and may watch them: a profiler sees nothing but the kernel then */
export async function measurePoint(request: PointRequest, around: Around = (work) => work()): Promise<PointResult> {
  const workload = kernelWorkload(request);
  const channels = channelsOf(Array.from({ length: request.channelCount }, (_, i) => workload.filter(i)));
  const addStartedMs = performance.now();
  const run = new KernelRun(channels);
  const addMs = performance.now() - addStartedMs;
  const records = recordsFor(request, workload, run);
  const slabs = fillSlabs(records);
  const references = referencePrograms(channels, workload, eventType);
  const checked = check(run, channels, records, references);
  const totals = { events: 0, matches: 0, outputBytes: 0 };
  const step = slabStepper(run, slabs, totals);
  repeat(step, request.warmupSeconds, 1);
  Object.assign(totals, { events: 0, matches: 0, outputBytes: 0 });
  const kernel = await around(() => repeat(step, request.seconds, request.repetitions));
  const eventCount = records.reduce((sum, { events }) => sum + events.length, 0);
  const bytes = records.reduce((sum, { value }) => sum + value.length, 0);
  return {
    request,
    kernel,
    nsPerEvent: 1e9 / kernel.perCore.median,
    ...referenceSpeeds(request, records, references),
    seenMatchesPerEvent: checked.matches / checked.events,
    eventBytes: bytes / eventCount,
    outputBytesPerEvent: totals.outputBytes / totals.events,
    measuredEvents: totals.events,
    addMs,
    rssBytes: process.memoryUsage().rss,
    checked,
  };
}

/** Eight slabs full; fewer and smaller records where the kernel is slow. */
function recordsFor({ recordEvents }: PointRequest, workload: KernelWorkload, run: KernelRun): EventRecord[] {
  const [probe] = eventRecords(workload.event, 1, 50);
  if (!probe) throw new Error('no probe');
  const slabs = fillSlabs([probe]);
  run.pass(slabs);
  const startedMs = performance.now();
  run.pass(slabs);
  const msPerEvent = (performance.now() - startedMs) / 50;
  const slabEvents = Math.min((1 << 20) / (probe.value.length / 50), MAX_SLAB_MS / msPerEvent);
  const eventsEach = Math.max(1, Math.min(recordEvents, Math.floor(slabEvents)));
  const count = Math.max(1, Math.floor(slabEvents / eventsEach)) * SLABS;
  return eventRecords(workload.event, count, eventsEach);
}

/** What a channel got: how many events, and the sum of their texts' checksums, which does not depend on their order. */
interface Received {
  count: number;
  sum: number;
}

/** @throws Error when the kernel's output is not what the references say: the point is void */
function check(
  run: KernelRun,
  channels: readonly BenchChannel[],
  records: readonly EventRecord[],
  { hashLookup, everyFilter, json }: ReferencePrograms,
): Checked {
  const decode = batchDecoder();
  const expected = new Map<string, Received>();
  const exhaustive = Math.max(10, Math.floor(EXHAUSTIVE_EVALUATIONS / channels.length));
  let [events, matches] = [0, 0];
  for (const event of records.flatMap(({ value }) => decode(value))) {
    const matching = hashLookup(event);
    if (events < exhaustive) compare('every filter in turn', everyFilter(event), 'the hash lookup', matching);
    const checksum = matching.length > 0 ? checksumOf(json(event)) : 0;
    for (const i of matching) receive(expected, channels[i]?.id ?? '', checksum);
    events++;
    matches += matching.length;
  }
  const seen = new Map<string, Received>();
  run.readingPass(fillSlabs(records), (channel, text) => receive(seen, channel, checksumOf(text)));
  for (const { id } of channels) {
    const [got, want] = [seen.get(id), expected.get(id)];
    if (got?.count === want?.count && got?.sum === want?.sum) continue;
    throw new Error(
      `channel ${id}: the kernel gives ${JSON.stringify(got)}, avsc and evaluate.ts ${JSON.stringify(want)}`,
    );
  }
  return { events, matches, exhaustiveEvents: Math.min(events, exhaustive) };
}

function receive(received: Map<string, Received>, channel: string, checksum: number): void {
  const before = received.get(channel);
  if (!before) received.set(channel, { count: 1, sum: checksum });
  else {
    before.count++;
    before.sum = (before.sum + checksum) % 2 ** 32;
  }
}

/** Parsed first: two ways to write the same number are not a difference. */
const checksumOf = (json: string): number => crc32(JSON.stringify(JSON.parse(json)));

function compare(nameA: string, a: readonly number[], nameB: string, b: readonly number[]): void {
  const text = (list: readonly number[]): string => [...list].sort((x, y) => x - y).join();
  if (text(a) !== text(b)) throw new Error(`${nameA} finds channels ${text(a)}, ${nameB} ${text(b)}`);
}

/** One step runs one slab. @returns the events of the step */
function slabStepper(
  run: KernelRun,
  slabs: readonly FilledSlab[],
  totals: ReturnType<KernelRun['pass']>,
): () => number {
  let next = 0;
  return () => {
    const slab = slabs[next++ % slabs.length];
    const { events, matches, outputBytes } = run.pass(slab ? [slab] : []);
    if (events !== slab?.eventCount) throw new Error(`the kernel saw ${events} of ${slab?.eventCount} events`);
    totals.events += events;
    totals.matches += matches;
    totals.outputBytes += outputBytes;
    return events;
  };
}

/** Repeats `step` for the time given, in so many equal parts; each part is one sample. */
function repeat(step: () => number, seconds: number, repetitions: number): Speed {
  const perCore: number[] = [];
  const perSecond: number[] = [];
  for (let i = 0; i < repetitions; i++) {
    const cpu = process.cpuUsage();
    const startedMs = performance.now();
    let [events, elapsedMs] = [0, 0];
    do {
      events += step();
      elapsedMs = performance.now() - startedMs;
    } while (elapsedMs < (seconds * 1000) / repetitions);
    const { user, system } = process.cpuUsage(cpu);
    perCore.push((events / (user + system)) * 1e6);
    perSecond.push((events / elapsedMs) * 1e3);
  }
  return { perCore: spreadOf(perCore), perSecond: spreadOf(perSecond) };
}

function referenceSpeeds(
  { referenceSeconds, repetitions }: PointRequest,
  records: readonly EventRecord[],
  { everyFilter, hashLookup }: ReferencePrograms,
): Pick<PointResult, 'everyFilter' | 'hashLookup'> {
  if (referenceSeconds <= 0) return { everyFilter: null, hashLookup: null };
  const speed = (match: ReferencePrograms['everyFilter']): Speed => {
    const step = eventStepper(records, match);
    repeat(step, referenceSeconds / 2, 1); // warm-up
    return repeat(step, referenceSeconds, repetitions);
  };
  return { everyFilter: speed(everyFilter), hashLookup: speed(hashLookup) };
}

/** One step decodes one record and matches its events. */
function eventStepper(records: readonly EventRecord[], match: ReferencePrograms['everyFilter']): () => number {
  const decode = batchDecoder();
  let next = 0;
  return () => {
    const record = records[next++ % records.length];
    if (!record) return 0;
    const events = decode(record.value);
    for (const event of events) match(event);
    return events.length;
  };
}
