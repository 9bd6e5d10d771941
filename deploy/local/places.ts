// Where the local stack keeps things: the checkout, the toolchain in it, and MDS_HOME with data, logs and pid files.

import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** What setup downloads and unpacks; survives `make clean`, not `make distclean`. */
export const TOOLCHAIN = join(ROOT, '.toolchain');

export const KAFKA_JARS = join(TOOLCHAIN, 'kafka');
export const REGISTRY_DIRECTORY = join(TOOLCHAIN, 'registry');
/** A Python environment; for tests only. */
export const SCHEMATHESIS_DIRECTORY = join(TOOLCHAIN, 'schemathesis');

export interface Places {
  readonly home: string;
  readonly data: string;
  readonly logs: string;
  readonly run: string;
  /** Secrets: readable by nobody else. */
  readonly auth: string;
}

/** @param home MDS_HOME; a relative one is taken from the current directory. Default: `.mds/` in the checkout */
export function placesOf(home: string | undefined): Places {
  const absolute = home === undefined || home === '' ? join(ROOT, '.mds') : resolve(home);
  return {
    home: absolute,
    data: join(absolute, 'data'),
    logs: join(absolute, 'logs'),
    run: join(absolute, 'run'),
    auth: join(absolute, 'auth'),
  };
}
