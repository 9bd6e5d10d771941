// make audit: what the registry knows of the locked packages' weaknesses, as a short report. Not a gate: an advisory that is
// published tonight must not stop a change that has nothing to do with it, and some registries answer no such question.

import { execFile } from 'node:child_process';

interface Vulnerability {
  readonly name: string;
  readonly severity: string;
  readonly range: string;
  readonly fixAvailable: unknown;
}

interface Audit {
  readonly vulnerabilities?: Readonly<Record<string, Vulnerability>>;
  readonly message?: string;
}

const SEVERITIES = ['critical', 'high', 'moderate', 'low', 'info'];
const TIMEOUT_MS = 60_000;

/** @param text what `npm audit --json` printed */
export function auditReport(text: string): string {
  const { vulnerabilities, message } = parsed(text);
  if (vulnerabilities === undefined) return `The registry answers no audit: ${message ?? 'it gave no reason'}.`;
  const found = Object.values(vulnerabilities).sort(
    (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity),
  );
  if (found.length === 0) return 'The registry knows of no weakness in any package.';
  const lines = found.map(({ name, severity, range, fixAvailable }) => {
    return `${severity.padEnd(9)} ${name} ${range}${fixAvailable === false ? ', no fix yet' : ', a fix is there'}`;
  });
  return [`The registry knows of weaknesses in ${found.length} packages:`, ...lines].join('\n');
}

function parsed(text: string): Audit {
  try {
    return JSON.parse(text) as Audit; // npm's own; each part is looked at above
  } catch {
    return { message: text.trim().split('\n')[0] ?? '' };
  }
}

/** npm exits with 1 when it has found something, or nothing could be asked. */
function ask(args: readonly string[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile('npm', ['audit', '--json', ...args], { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 }, (error, stdout) =>
    resolve(stdout || (error?.message ?? '')),
  );
  return promise;
}

if (import.meta.main) {
  console.log(`Run time:\n${auditReport(await ask(['--omit=dev']))}\n`);
  console.log(`With development:\n${auditReport(await ask([]))}`);
}
