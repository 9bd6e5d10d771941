// The schema registry's client on a real registry.

import t from 'tap';
import { createRegistry } from '../../../platform/registry.ts';
import { acquireStack } from '../harness/stack.ts';

const stack = await acquireStack();
const registry = createRegistry(`${stack.env.MDS_REGISTRY_URL}/`);
t.teardown(async () => {
  await registry.close();
  await stack.release();
});

const run = Date.now().toString(36);
let names = 0;
/** A subject and a record schema of its own, with further fields. */
function aSubject() {
  const name = `R${run}${++names}`;
  const schema = (...more: object[]) =>
    JSON.stringify({ type: 'record', name, fields: [{ name: 'a', type: 'string' }, ...more] });
  return { subject: `${name}-value`, schema };
}
const OPTIONAL_FIELD = { name: 'b', type: 'int', default: 1 };
const REQUIRED_FIELD = { name: 'c', type: 'int' };

t.test('a registered schema has one id, and is found by it and as the latest', async (t) => {
  const { subject, schema } = aSubject();
  t.equal(await registry.latest(subject), null);
  const schemaId = await registry.register(subject, schema());
  t.equal(await registry.register(subject, schema()), schemaId);
  t.equal(await createRegistry(stack.env.MDS_REGISTRY_URL ?? '').register(subject, schema()), schemaId);
  t.strictSame(await registry.getSchemaById(schemaId), { schema: schema() });
  t.strictSame(await registry.latest(subject), { schemaId, version: 1, schema: schema() });
});

t.test('with BACKWARD compatibility a subject takes what can read its old records and refuses the rest', async (t) => {
  const { subject, schema } = aSubject();
  t.equal(await registry.checkCompatibility(subject, schema()), true, 'nothing to be compatible with');
  await registry.register(subject, schema());
  await registry.setCompatibility(subject, 'BACKWARD');
  t.equal(await registry.checkCompatibility(subject, schema(OPTIONAL_FIELD)), true);
  t.equal(await registry.checkCompatibility(subject, schema(REQUIRED_FIELD)), false);
  await registry.register(subject, schema(OPTIONAL_FIELD));
  const wrong = schema(OPTIONAL_FIELD, REQUIRED_FIELD);
  await t.rejects(registry.register(subject, wrong), { code: 'MDS_SCHEMA_INCOMPATIBLE', details: { subject } });
});

// Random requests to check a schema were answered as a bug, since the registry's refusal was thought to be one.
t.test('what is no schema to the registry is refused as that, registered or only checked', async (t) => {
  const { subject, schema } = aSubject();
  await registry.register(subject, schema());
  await registry.setCompatibility(subject, 'BACKWARD');
  const none = JSON.stringify({ type: 'record', name: 'no name', fields: [] });
  await t.rejects(registry.checkCompatibility(subject, none), { code: 'MDS_SCHEMA_INVALID' });
  await t.rejects(registry.register(subject, none), { code: 'MDS_SCHEMA_INVALID' });
});

// Two control planes once created the first topic of a tenant at the same moment: the slower one was told that the schema
// of dead letters, which was the same, is not compatible with itself.
t.test('processes that register the same first schema at the same moment all get its id', async (t) => {
  const { subject, schema } = aSubject();
  const registries = Array.from({ length: 8 }, () => createRegistry(stack.env.MDS_REGISTRY_URL ?? ''));
  const schemaIds = await Promise.all(registries.map((each) => each.register(subject, schema())));
  t.equal(new Set(schemaIds).size, 1);
  await Promise.all(registries.map((each) => each.close()));
});

t.test('what is no Avro schema is refused', async (t) => {
  const { subject } = aSubject();
  await t.rejects(registry.register(subject, '{"type":"nonsense"}'), { code: 'MDS_SCHEMA_INVALID' });
});

t.test('an id that nobody registered is unknown, and is asked for again later', async (t) => {
  t.equal(await registry.getSchemaById(2_000_000_000), 'unknown');
  t.equal(await registry.getSchemaById(2_000_000_000), 'unknown');
});

t.test('a deleted subject can be registered again, and its records can still be read', async (t) => {
  const { subject, schema } = aSubject();
  const schemaId = await registry.register(subject, schema());
  await registry.deleteSubject(subject);
  await registry.deleteSubject(subject);
  t.equal(await registry.latest(subject), null);
  t.not(await registry.getSchemaById(schemaId), 'unknown');
  await registry.register(subject, schema());
  t.equal((await registry.latest(subject))?.schema, schema());
});
