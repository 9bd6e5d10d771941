// The ceilings' part of a report.

import type { SuiteResult } from '../result.ts';
import type { CeilingsData } from '../suites/ceilings/ceilings.ts';
import type { Spread } from '../suites/kernel/spread.ts';
import type { Block, Cell, Section } from './blocks.ts';
import { byteCount, shortNumber } from './numbers.ts';

export function ceilingsSection({ failures, config }: SuiteResult, { kafka, redis, webSocket }: CeilingsData): Section {
  const blocks: Block[] = [];
  if (kafka) {
    blocks.push({
      kind: 'table',
      title: 'node-rdkafka: consuming batch records',
      head: ['events/s', 'MB/s', 'CPU-s per million events', 'a record'],
      rows: [
        [
          rate(kafka.eventsPerSecond),
          rate(kafka.megabytesPerSecond),
          rate(kafka.cpuSecondsPerMillionEvents),
          `${kafka.recordEvents} events, ${byteCount(kafka.recordBytes)}`,
        ],
      ],
    });
  }
  if (redis.length > 0) {
    blocks.push({
      kind: 'table',
      title: 'Redis: sharded pub/sub, one publisher, one subscriber',
      head: ['message', 'messages/s', 'MB/s', 'CPU-s per GB: publisher', 'Redis', 'subscriber'],
      rows: redis.map(({ messageBytes, messagesPerSecond, megabytesPerSecond, cpuSecondsPerGigabyte }) => [
        byteCount(messageBytes),
        rate(messagesPerSecond),
        rate(megabytesPerSecond),
        rate(cpuSecondsPerGigabyte.publisher),
        rate(cpuSecondsPerGigabyte.redis),
        rate(cpuSecondsPerGigabyte.subscriber),
      ]),
    });
  }
  if (webSocket.length > 0) {
    blocks.push({
      kind: 'table',
      title: `uWebSockets.js: one frame to ${webSocket[0]?.clients} sockets`,
      head: [
        'how',
        'events a frame',
        'frame',
        'deliveries/s',
        'MB/s',
        'CPU-s per million deliveries: server',
        'clients',
      ],
      rows: webSocket.map((ceiling) => [
        ceiling.method === 'publish' ? 'its own publish' : 'a loop over the sockets',
        String(ceiling.frameEvents),
        byteCount(ceiling.frameBytes),
        rate(ceiling.deliveriesPerSecond),
        rate(ceiling.megabytesPerSecond),
        rate(ceiling.cpuSecondsPerMillionDeliveries.server),
        rate(ceiling.cpuSecondsPerMillionDeliveries.clients),
      ]),
    });
  }
  const settings = Object.entries(config).map(([name, value]) => `${name}: ${value}`);
  return {
    id: 'ceilings',
    title: 'Ceilings of the libraries',
    intro: `What each tier's library does by itself with the same bytes, both ends on this machine. ${settings.join(' · ')}`,
    failures,
    blocks,
  };
}

const rate = ({ median, min, max }: Spread): Cell => ({
  text: shortNumber(median),
  note: `${shortNumber(min)} – ${shortNumber(max)}`,
});
