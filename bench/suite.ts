// What a suite is given and what it answers.

import type { Stack } from '../deploy/local/local-stack.ts';
import type { SuiteResult } from './result.ts';

export interface StackAddress {
  readonly brokers: string;
  readonly redisUrl: string;
  /** MDS_… variables for processes that are to run on the stack. */
  readonly env: Readonly<Record<string, string>>;
  /** For whoever starts processes of the service on it. */
  readonly services: Stack;
}

export interface SuiteContext {
  readonly size: 'quick' | 'full';
  /** The bench's own Kafka, Redis, registry and PostgreSQL; started when first asked for. */
  readonly stack: () => Promise<StackAddress>;
  /** Where profiles go. */
  readonly directory: string;
  readonly progress: (line: string) => void;
  /** Settings of single suites, such as PEER_URL. */
  readonly settings: Readonly<Record<string, string | undefined>>;
}

export interface Suite {
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  /** `quick`: part of `make bench-quick` and `make bench`; `full`: of `make bench`; `name`: only when it is named. */
  readonly runsBy: 'quick' | 'full' | 'name';
  /** @throws Error only when nothing could be measured; what went wrong in parts stands in the result's failures */
  readonly run: (context: SuiteContext) => Promise<Omit<SuiteResult, 'suite' | 'seconds'>>;
}
