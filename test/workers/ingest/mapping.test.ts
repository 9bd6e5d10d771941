// Mappings: what facts become, what a file may change, and that everything wrong with a file is said at once.

import t from 'tap';
import { EventReader } from '../../../workers/ingest/event-reader.ts';
import { DEFAULT_MAPPING } from '../../../workers/ingest/mapping/default-mapping.ts';
import { DOOR_FACTS, type DoorName } from '../../../workers/ingest/mapping/facts.ts';
import { readMappings } from '../../../workers/ingest/mapping/mapping.ts';
import { aMonitoringTopic } from './an-ingest-topic.ts';

const facts = (plain: object, groups: object) => ({ plain: { ...plain }, groups: { ...groups } }) as never;
const aSample = (labels: object, timestamp = 5) => facts({ name: 'up', value: 1, timestamp }, { label: labels });

t.test('the first fact that is there is taken, and labels are what is left', async (t) => {
  const map = readMappings(null).prometheus();
  t.match(map(aSample({ job: 'node', instance: 'web-1', region: 'eu' })), {
    ...{ service: 'node', host: 'web-1', kind: 'METRIC', name: 'up', value: 1, timestamp: 5, labels: { region: 'eu' } },
  });
  t.match(map(aSample({ region: '' })), { service: 'unknown', host: 'unknown', labels: {} });
});

t.test('the same facts have the same id, others another one, whatever stands beside what', async (t) => {
  const id = (labels: object, timestamp?: number) => readMappings(null).prometheus()(aSample(labels, timestamp)).id;
  t.equal(id({ a: '1', b: '2' }), id({ b: '2', a: '1' }), 'in any order');
  const ids = [
    id({ a: '1' }),
    id({ a: '2' }),
    id({ a: '1' }, 6),
    id({ a1: '' }),
    id({ a: '1', b: '' }),
    id({ a1: 'b' }),
  ];
  t.equal(new Set(ids).size, ids.length);
});

t.test(
  'the same facts twice in one request are two events where the source has no ids, in every attempt',
  async (t) => {
    const line = facts({ body: 'x', timestamp: 1 }, { resource: {}, scope: {}, attribute: {} });
    const attempt = () => {
      const map = readMappings(null)['otlp.logs']();
      return [map(line).id, map(line).id];
    };
    const first = attempt();
    t.not(first[0], first[1]);
    t.same(attempt(), first);
  },
);

t.test('a value is translated, and one that is not listed passes on to the next fact', async (t) => {
  const map = readMappings(null).alertmanager();
  const severity = (status: string, label: string) =>
    map(facts({ status }, { label: { severity: label }, annotation: {} })).severity;
  t.same(
    [
      severity('firing', 'page'),
      severity('firing', 'Warning'),
      severity('firing', 'odd'),
      severity('resolved', 'page'),
    ],
    ['CRITICAL', 'WARNING', 'WARNING', 'INFO'],
  );
});

t.test('a file changes fields of doors, and leaves fields out', async (t) => {
  const file = {
    prometheus: {
      host: [{ from: 'label:node' }, '=nowhere'],
      unit: ['=1'],
      value: [{ from: 'value', as: 'text' }],
      labels: { from: ['label:*', 'name'], without: ['secret'] },
      service: null,
    },
  };
  const event = readMappings(JSON.stringify(file)).prometheus()(aSample({ node: 'n1', secret: 'x' }));
  t.match(event, { host: 'n1', unit: '1', value: '1', name: 'up', labels: { node: 'n1', name: 'up' } });
  t.notOk('service' in event);
  t.notOk('secret' in (event.labels as object));
});

t.test('everything that is wrong with a file is said at once, with where it is', async (t) => {
  const file = {
    promtheus: {},
    prometheus: { host: ['lable:x'], 'no-name': ['name'], value: [], id: { hash: ['label:*', 'time'] } },
    syslog: 7,
  };
  t.throws(() => readMappings(JSON.stringify(file)), {
    code: 'MDS_CONFIG_INVALID',
    details: {
      problems: [
        /promtheus \(did you mean prometheus\?\)/,
        /prometheus.host: .*no group of facts lable \(did you mean label\?\)/,
        /prometheus.no-name/,
        /prometheus.value/,
        /prometheus.id: .*no fact time/,
        /syslog is not an object/,
      ],
    },
  });
  t.throws(() => readMappings('{'), { code: 'MDS_CONFIG_INVALID', details: { problems: [/not JSON/] } });
});

t.test('what the defaults name exists, and with hardly any facts the event still fits', async (t) => {
  const reader = new EventReader(aMonitoringTopic(), 10);
  t.doesNotThrow(() => readMappings(JSON.stringify(DEFAULT_MAPPING)));
  const mappings = readMappings(null);
  for (const door of Object.keys(DOOR_FACTS) as DoorName[]) {
    const few = { id: '1', source: 's', type: 'span', name: 'n', timestamp: 1, value: 1, hostname: 'h' };
    const { results } = reader.objects([mappings[door]()(facts(few, {}))]);
    t.same(results, [], door);
  }
});
