import assert from 'node:assert/strict';
import t from 'tap';
import { renderReport } from '../../bench/report/render-report.ts';
import { aFigure, aResult, aRun, aSuite } from './a-result.ts';

const EVIL = '</script><img src=x onerror="alert(1)">&\'';

const firehose = aSuite({
  suite: 'firehose',
  runs: [aRun({ rate: 100_000 }), aRun({ rate: 500_000 }), aRun({ rate: 1_000_000, failures: ['lost 3 events'] })],
  figures: [aFigure({ id: 'firehose.eventsPerSecond', value: 500_000 })],
});

t.test('a report is one page that fetches nothing', async () => {
  const html = renderReport(aResult({ suites: [firehose] }), () => null);
  assert.match(html, /^<!doctype html>/);
  assert.doesNotMatch(html, /<link|<script[^>]+src|@import|url\(|https?:\/\//);
  for (const title of ['Latency, producer to client', 'Rate and latency', 'CPU by tier', 'Where the time goes']) {
    assert.ok(html.includes(title), title);
  }
});

t.test('text of a result cannot become part of the page', async () => {
  const run = aRun({ rate: 1000, name: EVIL, failures: [EVIL] });
  const suites = [aSuite({ suite: EVIL, runs: [run], failures: [EVIL], config: { [EVIL]: EVIL } })];
  const html = renderReport(aResult({ suites, versions: { [EVIL]: EVIL } }), () => null);
  assert.doesNotMatch(html, /<img/);
  assert.equal(html.match(/<script>/g)?.length, 1);
  assert.equal(html.match(/<\/script>/g)?.length, 1);
});

t.test('a failure stands at the top, and voids the figures of its suite', async () => {
  const failed = { ...firehose, failures: ['the broker ended'] };
  const html = renderReport(aResult({ suites: [failed] }), () => null);
  const top = html.slice(html.indexOf('<h1>'), html.indexOf('<nav>'));
  assert.match(top, /This run failed/);
  assert.match(top, /firehose: the broker ended/);
  assert.match(top, /lost 3 events/);
  assert.match(html, /its suite failed/);
});

t.test('what was not reached says how far it came, and what was not measured says so', async () => {
  const figures = [aFigure({ id: 'firehose.eventsPerSecond', value: 620_000 })];
  const html = renderReport(aResult({ suites: [aSuite({ suite: 'firehose', figures })] }), () => null);
  assert.match(html, /✗ 62 % of it/);
  assert.match(html, /not measured/);
});

t.test('a profile becomes a flame graph', async () => {
  const suites = [aSuite({ suite: 'firehose', profiles: [{ tier: 'edge', file: 'edge.cpuprofile' }] })];
  const callFrame = (functionName: string) => ({ functionName, url: 'file:///x/edge.ts', lineNumber: 1 });
  const html = renderReport(aResult({ suites }), () => ({
    nodes: [
      { id: 1, callFrame: callFrame('(root)'), children: [2] },
      { id: 2, callFrame: callFrame('fanOut') },
    ],
    samples: [2, 2],
    timeDeltas: [0, 1000],
  }));
  assert.match(html, /Profile: edge/);
  assert.match(html, /fanOut edge\.ts:2/);
});

t.test('a machine that was busy before the run is told at the top', async () => {
  const busy = { cpu: 'a processor', cores: 2, memoryBytes: 1, system: 'Linux', loadBefore: 3.8 };
  const told = (machine: typeof busy) =>
    /busy before the run began: 3\.8 of 2/.test(renderReport(aResult({ machine }), () => null));
  assert.equal(told(busy), true);
  assert.equal(told({ ...busy, loadBefore: 0.2 }), false);
});
