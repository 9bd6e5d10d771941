// `mds topics schema`: versions of a topic's schema, what another one would change and break, and adding it.

import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import type { SchemaCheck, SchemaVersion } from '../../schemas/api/topic-management.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { runCommand } from './command-context.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { formatTable } from './table.ts';
import { wrapped } from './wrapped.ts';

const EXAMPLES = `
Examples:
  mds topics schema list orders
  mds topics schema check orders Order.avsc
  mds topics schema add orders Order.avsc`;

export function topicSchemaCommand(): Command {
  const schema = new Command('schema')
    .description("versions of a topic's schema: list, check what another would change, add it")
    .addHelpText('after', EXAMPLES);
  schema
    .command('list <topic>')
    .description('all versions, the oldest first')
    .action((topic: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const versions = await rest.schemaVersions(topic);
        await output.result(versions, () => tableOf(versions, output.columns));
        return undefined;
      }),
    );
  schema
    .command('check <topic> <file>')
    .description('what would change, and which filters in use would break; changes nothing')
    .action((topic: string, file: string, _options, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const check = await rest.checkSchema(topic, await readSchema(file));
        await output.result(check, () => describeCheck(check, output.columns));
        return check.verdict === 'identical' || check.verdict === 'compatible' ? EXIT_CODES.OK : EXIT_CODES.FAILURE;
      }),
    );
  schema
    .command('add <topic> <file>')
    .description('add a version, after the same check')
    .option('--break-filters', 'also when filters that are in use would be refused from then on')
    .action((topic: string, file: string, options: { breakFilters?: true }, command: Command) =>
      runCommand(command, async ({ rest, output }) => {
        const wanted = await readSchema(file);
        const before = await rest.checkSchema(topic, wanted);
        if (!output.json) output.note(describeCheck(before, output.columns));
        const check = await rest.addSchema(topic, wanted, options.breakFilters === true);
        await output.result(check, () => `added to ${topic}`);
        return undefined;
      }),
    );
  return schema;
}

/** @throws MdsError `MDS_SCHEMA_INVALID` */
export async function readSchema(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const schema: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof schema === 'object' && schema !== null && !Array.isArray(schema)) return { ...schema };
  } catch (cause) {
    throw new MdsError('MDS_SCHEMA_INVALID', { reason: `${file}: ${reasonOf(cause)}` }, { cause });
  }
  throw new MdsError('MDS_SCHEMA_INVALID', { reason: `${file} does not hold a JSON object` });
}

function tableOf(versions: readonly SchemaVersion[], width: number): string {
  const columns = [
    { name: 'VERSION', align: 'right' } as const,
    { name: 'ID', align: 'right' } as const,
    { name: '' },
    { name: 'FIELDS' },
  ];
  const rows = versions.map(({ version, schemaId, isCurrent, schema }) => [
    String(version),
    String(schemaId),
    isCurrent ? 'current' : '',
    Array.isArray(schema.fields) ? schema.fields.map((field: { name?: unknown }) => String(field.name)).join(' ') : '',
  ]);
  return formatTable(columns, rows, width);
}

function describeCheck(check: SchemaCheck, width: number): string {
  const { verdict, explanation, differences, brokenFilters, filtersTried, registryAccepts } = check;
  const lines = [wrapped(`${verdict}: `, explanation, width)];
  if (!registryAccepts) lines.push('The schema registry would refuse it.');
  for (const difference of differences)
    lines.push(wrapped(difference.breaks ? '! ' : '  ', difference.explanation, width));
  lines.push(`${filtersTried} filters that are in use were tried, ${brokenFilters.length} would break.`);
  for (const { of, name, filter, message } of brokenFilters) {
    lines.push(
      wrapped('! ', `${of === 'live' ? 'a connected client' : `${of} ${name}`}: ${filter}: ${message}`, width),
    );
  }
  return lines.join('\n');
}
