// A result as a self-contained HTML page: what was to be reached first, then each suite, then how it was measured.

import { latencyAt, type Result, type SuiteResult } from '../result.ts';
import type { FlameBlock, ReportPage, Section } from './blocks.ts';
import { busyBefore, busyText } from './busy-machine.ts';
import { ceilingsSection } from './ceilings-section.ts';
import { type CpuProfile, foldProfile } from './flame.ts';
import { goalsTable } from './goals.ts';
import { kernelSection } from './kernel-section.ts';
import { loadSection } from './load-section.ts';
import { byteCount, duration, shortNumber } from './numbers.ts';
import { pageHtml } from './page.ts';

/** Reads a profile that the result names. @returns null when it is not there any more */
export type ReadProfile = (file: string) => CpuProfile | null;

export function renderReport(result: Result, readProfile: ReadProfile): string {
  return pageHtml(reportPage(result, readProfile));
}

function reportPage(result: Result, readProfile: ReadProfile): ReportPage {
  const { suites, git, machine, startedAt, size } = result;
  const sections = suites.map((suite) => withProfiles(sectionOf(suite), suite, readProfile));
  return {
    title: 'Bench report',
    subtitle: `${startedAt.slice(0, 16).replace('T', ' ')} UTC · ${git.revision.slice(0, 12)}${git.changed ? ' with changes' : ''} · ${machine.cores} × ${machine.cpu} · ${size}`,
    failures: sections.flatMap(({ title, failures }) => failures.map((failure) => `${title}: ${failure}`)),
    warnings: busyBefore(machine) ? [`The machine was busy before the run began: ${busyText(machine)}.`] : [],
    sections: [goals(result), ...sections, howSection(result)],
  };
}

const goals = (result: Result): Section => ({
  id: 'goals',
  title: 'In short',
  intro: '',
  failures: [],
  blocks: [goalsTable(result)],
});

function sectionOf(suite: SuiteResult): Section {
  if (suite.kernel) return kernelSection(suite.kernel.points, suite.kernel.failures);
  if (suite.ceilings) return ceilingsSection(suite, suite.ceilings);
  const section = loadSection(suite);
  return suite.figures.length > 0 ? { ...section, blocks: [figureTable(suite), ...section.blocks] } : section;
}

const figureTable = ({ figures }: SuiteResult): Section['blocks'][number] => ({
  kind: 'table',
  title: 'Figures',
  head: ['what', 'seen', 'lowest', 'highest', 'unit'],
  rows: figures.map(({ label, value, low, high, unit }) => [
    label,
    shortNumber(value),
    shortNumber(low),
    shortNumber(high),
    unit,
  ]),
});

function withProfiles(section: Section, { profiles }: SuiteResult, readProfile: ReadProfile): Section {
  const flames = profiles.flatMap(({ tier, file }): FlameBlock[] => {
    const profile = readProfile(file);
    return profile ? [{ kind: 'flame', title: `Profile: ${tier}`, root: foldProfile(profile) }] : [];
  });
  return { ...section, blocks: [...section.blocks, ...flames] };
}

function howSection({ machine, versions, git, size, seconds, suites }: Result): Section {
  const runs = suites.flatMap((suite) => suite.runs);
  const slowest = runs.length > 0 ? Math.max(...runs.map(({ latency }) => latencyAt(latency, 0.99))) : null;
  return {
    id: 'how',
    title: 'How it was measured',
    intro:
      'Load is open loop: events are sent when their time has come, whatever the service does, and latency counts from that ' +
      'time. Histograms are HdrHistograms and stand complete in result.json. What comes before the end of a warm-up does not ' +
      'count. A run that lost a delivery, or whose generator was saturated, fails. Everything, broker and clients included, ran ' +
      'on the machine named here.',
    failures: [],
    blocks: [
      {
        kind: 'table',
        title: 'Machine and run',
        head: ['', ''],
        rows: [
          ['processor', `${machine.cores} × ${machine.cpu}`],
          ['memory', byteCount(machine.memoryBytes)],
          ['system', machine.system],
          ['busy before the run', busyText(machine)],
          ['revision', `${git.revision}${git.changed ? ' (with changes that are not committed)' : ''}`],
          ['size', `${size}, ${duration(seconds * 1000)}`],
          ...(slowest === null ? [] : [['slowest P99 of all runs', duration(slowest)]]),
        ],
      },
      { kind: 'table', title: 'Versions', head: ['part', 'version'], rows: Object.entries(versions) },
      {
        kind: 'table',
        title: 'Settings by suite',
        head: ['suite', 'took', 'settings'],
        rows: suites.map(({ suite, seconds: took, config }) => [
          suite,
          duration(took * 1000),
          Object.entries(config)
            .map(([name, value]) => `${name}: ${value}`)
            .join(' · '),
        ]),
      },
    ],
  };
}
