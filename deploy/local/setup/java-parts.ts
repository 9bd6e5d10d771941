// Kafka and the schema registry from Maven Central, at the versions in maven/*.xml. Every file must have the sum that stands
// in checksums.sha256, and no file may be there that does not stand in it.

import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { Failure } from '../failure.ts';
import { KAFKA_JARS, REGISTRY_DIRECTORY, TOOLCHAIN } from '../places.ts';
import { findProgram } from '../programs.ts';
import { step } from './progress.ts';
import { runCommand } from './run-command.ts';

const LOCAL = join(dirname(fileURLToPath(import.meta.url)), '..');
const COPY_DEPENDENCIES = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const STAMP = '.verified';

export type JavaPart = 'kafka' | 'registry';

export async function getKafka(): Promise<void> {
  await getPart('kafka', KAFKA_JARS, 'Kafka from Maven Central (46 MB)', async () => undefined);
}

export async function getRegistry(): Promise<void> {
  await getPart('registry', REGISTRY_DIRECTORY, 'schema registry from Maven Central (142 MB)', async (directory) => {
    const archives = (await readdir(directory)).filter((name) => name.endsWith('.tar.gz'));
    for (const archive of archives) {
      await runCommand(await findProgram('tar'), ['-xzf', archive], {
        cwd: directory,
        logName: 'registry-unpack',
        failure: `${archive} could not be unpacked`,
      });
      rmSync(join(directory, archive));
    }
  });
}

async function getPart(
  part: JavaPart,
  directory: string,
  title: string,
  unpack: (directory: string) => Promise<void>,
): Promise<void> {
  const sums = readFileSync(join(LOCAL, 'checksums.sha256'), 'utf8');
  const wanted = createHash('sha256').update(sums).digest('hex');
  const stamp = join(directory, STAMP);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  await findProgram('java');
  const mvn = await findProgram('mvn');
  await step(`download ${title}`, async () => {
    const fresh = `${directory}.new`;
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { recursive: true });
    await runCommand(
      mvn,
      ['-B', '-ntp', '-q', '-f', join(LOCAL, 'maven', `${part}.xml`), COPY_DEPENDENCIES, `-DoutputDirectory=${fresh}`],
      { cwd: TOOLCHAIN, logName: `maven-${part}`, failure: `Maven could not download ${title}` },
    );
    const problems = await checkFiles(fresh, sumsOf(part, sums));
    if (problems.length > 0) {
      throw new Failure(
        `The download of ${part} is not what deploy/local/checksums.sha256 says:\n${problems.join('\n')}`,
      );
    }
    await unpack(fresh);
    writeFileSync(join(fresh, STAMP), wanted);
    rmSync(directory, { recursive: true, force: true });
    renameSync(fresh, directory);
  });
}

/** The lines `<sha256>  <part>/<file>` of one part: file → sum. */
export function sumsOf(part: JavaPart, sums: string): ReadonlyMap<string, string> {
  const entries = sums.split('\n').flatMap((line): [string, string][] => {
    const match = /^([0-9a-f]{64}) {2}([^/]+)\/(.+)$/.exec(line);
    return match?.[1] !== undefined && match[2] === part && match[3] !== undefined ? [[match[3], match[1]]] : [];
  });
  return new Map(entries);
}

/** One line for each file that is missing, has another sum, or should not be there. */
export async function checkFiles(directory: string, sums: ReadonlyMap<string, string>): Promise<string[]> {
  const present = new Set(await readdir(directory));
  const problems = [...present].filter((name) => !sums.has(name)).map((name) => `  ${name}: not listed`);
  for (const [name, wanted] of sums) {
    if (!present.has(name)) problems.push(`  ${name}: missing`);
    else {
      const actual = await sha256Of(join(directory, name));
      if (actual !== wanted) problems.push(`  ${name}: sha256 is ${actual}, should be ${wanted}`);
    }
  }
  return problems;
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
