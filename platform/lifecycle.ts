// The life of a process: configuration, start, readiness, drain, exit code. Every main.ts is one call of `runProcess`.
//
//   load config ─▶ start(ctx) ─▶ ready ──SIGTERM/SIGINT──▶ stop() ─▶ exit 0
//     │ bad: 2        │ throws: 1     └─ unhandled error: 1    └─ throws, or takes longer than the deadline: 1

import type { Static, TObject } from 'typebox';
import { MdsError, reasonOf } from '../schemas/errors.ts';
import { type Environment, loadConfig } from './config.ts';
import { Health } from './health.ts';
import { createLogger, type Logger } from './log.ts';
import { ErrorBook } from './management/error-book.ts';
import { LiveSettings } from './management/live-settings.ts';
import { createMetrics, type Metrics } from './metrics.ts';

/** 10 s: the promise of DESIGN §6, and less than the 30 s after which Kubernetes kills. */
const STOP_DEADLINE_MS = 10_000;

export const EXIT_CODES = { CLEAN: 0, FAILURE: 1, BAD_CONFIG: 2 } as const;

export interface ProcessContext<Config> {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Not ready while `start` runs and from the first signal on, whatever else is set. */
  readonly health: Health;
  /** Aborted by the first SIGTERM or SIGINT: start nothing new. */
  readonly signal: AbortSignal;
  /** Where errors are counted that users met or an operator should know of; those that are logged come by themselves. */
  readonly errors: ErrorBook;
  /** What of the configuration changes while the process runs. */
  readonly settings: LiveSettings;
}

export interface RunningProcess {
  /** Drains: finishes what was begun, gives back what is owned, closes what is open. */
  stop(): Promise<void>;
}

export interface RunOptions {
  readonly env?: Environment;
  readonly stopDeadlineMs?: number;
}

/**
 * Runs a process until it is told to stop, then exits.
 *
 * @param component its name in logs and metrics: `edge`, `stream-worker`…
 * @param configSchema see `loadConfig`; must have the properties of `commonConfig`
 * @param start begins the work; what it throws ends the process with exit code 1
 */
export async function runProcess<Schema extends TObject>(
  component: string,
  configSchema: Schema,
  start: (context: ProcessContext<Static<Schema>>) => Promise<RunningProcess>,
  { env = process.env, stopDeadlineMs = STOP_DEADLINE_MS }: RunOptions = {},
): Promise<void> {
  const config = loadConfigOrExit(configSchema, env);
  const errors = new ErrorBook(component);
  const log = createLogger(component, levelOf(config), undefined, errors);
  const settings = new LiveSettings(configSchema, { ...config }, env);
  if (settings.isChangeable('logLevel')) {
    settings.onChange<string>('logLevel', (level) => {
      log.level = level;
    });
  }
  exitOnUnhandledErrors(log);
  keepAlive();
  const health = new Health(({ ready, reasons }) => {
    if (ready) log.info('ready');
    else log.info({ reasons }, 'not ready');
  });
  health.setReady('process', false, 'it is starting');
  const stopping = stopOnSignals(log, health, stopDeadlineMs);
  const running = await startOrExit(log, stopping, () =>
    start({ config, log, metrics: createMetrics(component), health, signal: stopping, errors, settings }),
  );
  if (!stopping.aborted) {
    health.setReady('process', true);
    await aborted(stopping);
  }
  await stopAndExit(log, running);
}

function loadConfigOrExit<Schema extends TObject>(schema: Schema, env: Environment): Static<Schema> {
  try {
    return loadConfig(schema, env);
  } catch (error) {
    if (!(error instanceof MdsError) || !Array.isArray(error.details.problems)) throw error;
    for (const problem of error.details.problems) process.stderr.write(`${problem}\n`);
    process.exit(EXIT_CODES.BAD_CONFIG);
  }
}

const levelOf = (config: object): string =>
  'logLevel' in config && typeof config.logLevel === 'string' ? config.logLevel : 'info';

function exitOnUnhandledErrors(log: Logger): void {
  const exit = (err: unknown, origin: string): void => {
    log.fatal({ err: err instanceof Error ? err : new Error(reasonOf(err)), origin }, 'unhandled error, exiting');
    process.exit(EXIT_CODES.FAILURE);
  };
  process.on('uncaughtException', exit);
  process.on('unhandledRejection', (reason) => exit(reason, 'unhandledRejection'));
}

/** The first signal aborts and starts the deadline; the second one exits at once, for whoever cannot wait. */
function stopOnSignals(log: Logger, health: Health, deadlineMs: number): AbortSignal {
  const controller = new AbortController();
  const onSignal = (signalName: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      log.error({ signal: signalName }, 'second signal, exiting without draining');
      process.exit(EXIT_CODES.FAILURE);
    }
    log.info({ signal: signalName, deadlineMs }, 'stopping');
    health.setReady('process', false, 'it is shutting down');
    setTimeout(() => {
      log.error({ deadlineMs }, 'not stopped within the deadline, exiting without draining');
      process.exit(EXIT_CODES.FAILURE);
    }, deadlineMs);
    controller.abort(new MdsError('MDS_SHUTTING_DOWN'));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return controller.signal;
}

async function startOrExit(
  log: Logger,
  stopping: AbortSignal,
  start: () => Promise<RunningProcess>,
): Promise<RunningProcess> {
  try {
    return await start();
  } catch (err) {
    if (stopping.aborted) {
      log.info('stopped while starting');
      process.exit(EXIT_CODES.CLEAN);
    }
    log.fatal({ err }, 'could not start');
    process.stderr.write(`${reasonOf(err)}\n`);
    process.exit(EXIT_CODES.FAILURE);
  }
}

async function stopAndExit(log: Logger, running: RunningProcess): Promise<never> {
  try {
    await running.stop();
  } catch (err) {
    log.error({ err }, 'could not stop cleanly');
    process.exit(EXIT_CODES.FAILURE);
  }
  log.info('stopped');
  process.exit(EXIT_CODES.CLEAN);
}

async function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

/** A process ends by `process.exit` above and in no other way: Node would end it when it only waits for promises. */
function keepAlive(): void {
  setInterval(() => {}, 2 ** 30);
}
