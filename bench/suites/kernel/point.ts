// Measures one point of the kernel suite from the command line, in this process and nothing else in it:
//
//   node bench/suites/kernel/point.ts --kind equality --channels 1000 --matches 0.1 --seconds 3 [--profile x.cpuprofile]
//
// The profile is of the measured repetitions alone.

import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { parseArgs } from 'node:util';
import { type Around, measurePoint, type PointResult, type Speed } from './measure-point.ts';
import { FILTER_KINDS, type FilterKind } from './workload.ts';

const { values } = parseArgs({
  options: {
    kind: { type: 'string', default: 'equality' },
    channels: { type: 'string', default: '1000' },
    matches: { type: 'string', default: '0.1' },
    seconds: { type: 'string', default: '3' },
    repetitions: { type: 'string', default: '5' },
    'warmup-seconds': { type: 'string', default: '1' },
    'record-events': { type: 'string', default: '500' },
    'reference-seconds': { type: 'string', default: '0' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const request = {
  kind: kindOf(values.kind),
  channelCount: positive('channels', values.channels),
  matchesPerEvent: positive('matches', values.matches),
  seconds: positive('seconds', values.seconds),
  repetitions: positive('repetitions', values.repetitions),
  warmupSeconds: Number(values['warmup-seconds']),
  recordEvents: positive('record-events', values['record-events']),
  referenceSeconds: Number(values['reference-seconds']),
};
const result = await measurePoint(request, values.profile === undefined ? undefined : profiled(values.profile));
process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : textOf(result));

function profiled(file: string): Around {
  return async (work) => {
    const session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    const speed = work();
    const { profile } = await session.post('Profiler.stop');
    writeFileSync(file, JSON.stringify(profile));
    return speed;
  };
}

function kindOf(text: string): FilterKind {
  const kind = FILTER_KINDS.find((known) => known === text);
  if (kind === undefined) throw new Error(`--kind is one of ${FILTER_KINDS.join(', ')}`);
  return kind;
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${option} must be a number above 0`);
  return value;
}

function textOf({ request, kernel, nsPerEvent, everyFilter, hashLookup, checked, ...result }: PointResult): string {
  const { kind, channelCount, matchesPerEvent, warmupSeconds } = request;
  const lines = [
    `${kind}, ${channelCount} channels, ${matchesPerEvent} matches/event (seen ${result.seenMatchesPerEvent.toFixed(4)})`,
    speedText('kernel', kernel),
    `  ${nsPerEvent.toFixed(1)} ns/event of ${result.eventBytes.toFixed(0)} B, ` +
      `${result.outputBytesPerEvent.toFixed(1)} B out/event, ${result.measuredEvents} events after ${warmupSeconds} s of warm-up`,
    `  adding all channels ${result.addMs.toFixed(0)} ms, RSS ${(result.rssBytes / 1e6).toFixed(0)} MB`,
    `  checked: ${checked.matches} matches of ${checked.events} events against the hash lookup, ` +
      `${checked.exhaustiveEvents} events against every filter`,
    ...(everyFilter ? [ratioText('avsc + every filter', everyFilter, kernel)] : []),
    ...(hashLookup ? [ratioText('avsc + hash lookup', hashLookup, kernel)] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function speedText(name: string, { perCore, perSecond }: Speed): string {
  const [median, min, max] = [perCore.median, perCore.min, perCore.max].map(thousands);
  return `  ${name}: ${median} events/s/core (${min} to ${max}); by the clock ${thousands(perSecond.median)}/s`;
}

function ratioText(name: string, speed: Speed, kernel: Speed): string {
  return `${speedText(name, speed)}; the kernel is ${(kernel.perCore.median / speed.perCore.median).toFixed(1)} × as fast`;
}

function thousands(value: number | undefined): string {
  return Math.round(value ?? 0).toLocaleString('en');
}
