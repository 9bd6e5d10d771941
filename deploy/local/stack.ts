// The command `node deploy/local/stack.ts up|down|status`: the services alone, without the project's processes. What it
// starts keeps running in the background until `down` (or `make stop`).

import { parseArgs } from 'node:util';
import { Failure, failAndExit } from './failure.ts';
import { serviceEnv, startStack } from './local-stack.ts';
import { placesOf } from './places.ts';
import { portPlan } from './port-plan.ts';
import { SERVICE_NAMES } from './services/index.ts';
import { statusText, stopAll } from './stop-all.ts';

const USAGE = `Usage: node deploy/local/stack.ts up|down|status|env [--home DIR] [--port-base N] [--services a,b]
  up      starts ${SERVICE_NAMES.join(', ')} in the background and prints the variables that point to them
  down    stops everything that was started under DIR
  status  says what runs under DIR
  env     prints the variables only
DIR is MDS_HOME or .mds in the checkout; N is MDS_PORT_BASE or 9400.`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      home: { type: 'string' },
      'port-base': { type: 'string' },
      services: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const home = values.home ?? process.env.MDS_HOME;
  const env = { ...process.env, ...(values['port-base'] === undefined ? {} : { MDS_PORT_BASE: values['port-base'] }) };
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  if (values.help === true) return say(USAGE);
  switch (positionals[0]) {
    case 'up': {
      const chosen = values.services?.split(',');
      const stack = await startStack({
        env,
        diesWithParent: false,
        onProgress: say,
        ...(home === undefined ? {} : { home }),
        ...(chosen === undefined ? {} : { services: chosen.map(serviceNameFrom) }),
      });
      return say(exportLines(stack.env));
    }
    case 'down':
      if ((await stopAll(placesOf(home), say)) === 0) say('Nothing was running.');
      return;
    case 'status':
      return say(statusText(placesOf(home)));
    case 'env':
      return say(exportLines(serviceEnv(portPlan(env))));
    default:
      throw new Failure(USAGE);
  }
}

function serviceNameFrom(text: string): (typeof SERVICE_NAMES)[number] {
  const name = SERVICE_NAMES.find((candidate) => candidate === text.trim());
  if (name === undefined) throw new Failure(`There is no service "${text}"; there are ${SERVICE_NAMES.join(', ')}.`);
  return name;
}

function exportLines(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([key, value]) => `export ${key}=${value}`)
    .join('\n');
}

main().then(() => process.exit(0), failAndExit);
