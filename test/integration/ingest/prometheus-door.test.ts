// Remote write from a real Prometheus: every sample of a scrape is an event, nothing is lost while the door is away, and what
// will never be taken is not sent again.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { freePort } from '../harness/free-port.ts';
import { until } from '../harness/until.ts';
import { IngestStage } from './ingest-harness.ts';

t.setTimeout(120_000);

const ARRIVED_TIMEOUT_MS = 45_000;

t.test('a real Prometheus writes to the door', async (t) => {
  const stage = await IngestStage.start(t);
  const topic = await stage.topic('prometheus');
  const url = `${stage.door.httpUrl}/v1/prometheus`;
  const prometheus = await startPrometheus(t, [`${url}/${topic.name}/write`, `${url}/none/write`]);
  const ups = async () => (await stage.stored(topic)).map(({ event }) => event).filter(({ name }) => name === 'up');

  await until('the first scrapes to be in Kafka', ARRIVED_TIMEOUT_MS, async () => (await ups()).length >= 2);
  const all = await stage.stored(topic);
  t.match(all[0], { key: `127.0.0.1:${prometheus.port}`, event: { service: 'itself', kind: 'METRIC', id: /^prom-/ } });
  t.match((await ups())[0], { value: 1, host: `127.0.0.1:${prometheus.port}`, labels: { region: 'eu' } });
  const bucket = all.find(({ event }) => event.labels.le !== undefined)?.event;
  t.ok(bucket, 'labels of a series are labels of the event');

  const unknown = `url="${url}/none/write"`;
  t.ok((await prometheus.metric('prometheus_remote_storage_samples_failed_total', unknown)) > 0, '404 is final');
  t.equal(await prometheus.metric('prometheus_remote_storage_samples_retried_total', unknown, 0), 0);

  await stage.door.end('SIGKILL');
  const atKill = await prometheus.scrapes();
  await until(
    'scrapes while the door is away',
    ARRIVED_TIMEOUT_MS,
    async () => (await prometheus.scrapes()) >= atKill + 3,
  );
  await stage.door.start();
  const wanted = await prometheus.scrapes();
  await until('what was scraped meanwhile to arrive', ARRIVED_TIMEOUT_MS, async () => (await ups()).length >= wanted);
  const times = (await ups()).map(({ timestamp }) => timestamp);
  t.equal(new Set(times).size, times.length, 'no sample is there twice');
  const gaps = times.toSorted((a, b) => a - b).map((time, i, sorted) => time - (sorted[i - 1] ?? time));
  const scraped = await prometheus.times('up');
  const missing = scraped.filter((time) => time <= Math.max(...times) && !times.includes(time));
  t.same(missing, [], `none is missing, gaps of up to ${Math.max(...gaps) / 1e6} s between scrapes`);

  const known = `url="${url}/${topic.name}/write"`;
  t.equal(await prometheus.metric('prometheus_remote_storage_samples_failed_total', known), 0, 'none was given up');
});

async function startPrometheus(t: Test, urls: readonly string[]) {
  const directory = mkdtempSync(join(tmpdir(), 'mds-prometheus-'));
  const port = await freePort();
  const config = {
    global: { scrape_interval: '1s', external_labels: { region: 'eu' } },
    scrape_configs: [{ job_name: 'itself', static_configs: [{ targets: [`127.0.0.1:${port}`] }] }],
    remote_write: urls.map((url) => ({ url, queue_config: { max_backoff: '500ms', batch_send_deadline: '500ms' } })),
  };
  writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify(config)); // YAML, too
  const child = spawn(
    'prometheus',
    [
      `--config.file=${directory}/prometheus.yml`,
      `--storage.tsdb.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4000);
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      log += `prometheus cannot be started: ${error.message}; make setup-tests installs it`;
      resolve();
    });
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(directory, { recursive: true, force: true });
    if (!t.passing()) console.error(log);
  });
  const base = `http://127.0.0.1:${port}`;
  const answer = async (path: string): Promise<string> => (await fetch(base + path)).text();
  await until(
    'Prometheus to be ready',
    ARRIVED_TIMEOUT_MS,
    async () => (await fetch(`${base}/-/ready`)).ok,
    () => log,
  );
  const query = async (text: string): Promise<{ values?: [number, string][] }[]> =>
    JSON.parse(await answer(`/api/v1/query?query=${encodeURIComponent(text)}`)).data.result;
  const times = async (name: string): Promise<number[]> =>
    ((await query(`${name}[10m]`))[0]?.values ?? []).map(([seconds]) => Math.round(seconds * 1e3) * 1e3);
  return {
    port,
    times,
    scrapes: async () => (await times('up')).length,
    metric: async (name: string, label: string, missing?: number): Promise<number> => {
      const line = (await answer('/metrics'))
        .split('\n')
        .find((text) => text.startsWith(`${name}{`) && text.includes(label));
      if (line === undefined && missing !== undefined) return missing;
      return Number(line?.slice(line.lastIndexOf(' ') + 1));
    },
  };
}
