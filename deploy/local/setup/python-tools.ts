// schemathesis, which tests make random requests with, in a Python environment of its own in .toolchain: nothing of the
// machine's Python is used but the interpreter, and every package has the version that stands in schemathesis.txt.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SCHEMATHESIS_DIRECTORY } from '../places.ts';
import { findProgram } from '../programs.ts';
import { step } from './progress.ts';
import { runCommand } from './run-command.ts';

const REQUIREMENTS = join(dirname(fileURLToPath(import.meta.url)), 'schemathesis.txt');
const STAMP = '.installed';

export async function getSchemathesis(): Promise<void> {
  const wanted = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex');
  const stamp = join(SCHEMATHESIS_DIRECTORY, STAMP);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const python = await findProgram('python3');
  await step('pip install schemathesis from PyPI (20 MB)', async () => {
    rmSync(SCHEMATHESIS_DIRECTORY, { recursive: true, force: true });
    await runCommand(python, ['-m', 'venv', SCHEMATHESIS_DIRECTORY], {
      logName: 'python-venv',
      failure: 'Python could not make an environment (Debian: apt-get install python3-venv)',
    });
    const pip = join(SCHEMATHESIS_DIRECTORY, 'bin/pip');
    await runCommand(
      pip,
      ['install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:', '-r', REQUIREMENTS],
      {
        logName: 'pip-schemathesis',
        failure: 'schemathesis could not be installed from PyPI',
      },
    );
    const fresh = `${stamp}.new`;
    writeFileSync(fresh, wanted);
    renameSync(fresh, stamp);
  });
}
