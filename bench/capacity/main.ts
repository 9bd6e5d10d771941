// The command behind `make capacity`.
//
//   node bench/capacity/main.ts --events 2000000 --subscribers 1000 --matches 0.1 [--fanout 1] [--event-bytes N] [--result PLACE]

import { parseArgs } from 'node:util';
import { readResult } from '../result-files.ts';
import { modelText, sizingText } from './capacity-text.ts';
import { checkModel, fitCosts } from './cost-model.ts';
import { costSamples, measuredWeights, rangeWarnings } from './measured.ts';
import { sizeFor, type Target } from './size-for.ts';

/** With fewer, no run can be left out to check the model on. */
const LEAST_RUNS = 4;

try {
  process.stdout.write(capacity());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

function capacity(): string {
  const { values } = parseArgs({
    options: {
      events: { type: 'string' },
      subscribers: { type: 'string' },
      matches: { type: 'string' },
      fanout: { type: 'string', default: '1' },
      'event-bytes': { type: 'string' },
      result: { type: 'string' },
    },
  });
  const result = readResult(values.result);
  const samples = costSamples(result);
  if (samples.length < LEAST_RUNS) {
    throw new Error(
      `The result of ${result.startedAt} holds ${samples.length} complete runs of load, ${LEAST_RUNS} are needed: run make bench, or name another with RESULT=…`,
    );
  }
  const weights = measuredWeights(samples, result);
  const target: Target = {
    eventsPerSecond: positive('EVENTS', values.events),
    subscribers: positive('SUBSCRIBERS', values.subscribers),
    matchesPerEvent: positive('MATCHES', values.matches),
    subscribersPerChannel: positive('FANOUT', values.fanout),
    eventBytes: values['event-bytes'] ? positive('EVENT_BYTES', values['event-bytes']) : weights.eventBytes,
  };
  const models = fitCosts(samples);
  const warnings = rangeWarnings(samples, target).map((warning) => `! ${warning}\n`);
  const source = `From ${samples.length} runs of ${result.startedAt}, ${result.machine.cores} × ${result.machine.cpu}, revision ${result.git.revision.slice(0, 12)}.\n`;
  return `${sizingText(target, sizeFor(target, models, weights))}${warnings.join('')}\n${source}\n${modelText(models, checkModel(samples))}`;
}

function positive(name: string, text: string | undefined): number {
  const value = Number(text);
  if (text === undefined || !(value > 0)) {
    throw new Error(`${name} must be a number above 0: make capacity EVENTS=2000000 SUBSCRIBERS=1000 MATCHES=0.1`);
  }
  return value;
}
