// The peer suite's workloads: the same MonitoringEvents as everywhere in the bench, as JSON, each with the tags that a peer's
// filters read. Pure.

import type { Wish } from '../../clients/protocols.ts';
import { kernelWorkload } from '../kernel/workload.ts';
import type { Publication } from './centrifugo-protocol.ts';

export type PeerWorkload = 'fan-out' | 'filter';

export interface PeerPlan {
  readonly wishes: readonly Wish[];
  /** @param sentUs when the event is to be sent, µs since 1970 */
  publication(sequence: number, sentUs: number): Publication;
  /** Clients that event number `sequence` is for. */
  deliveriesOf(sequence: number): number;
}

/** As in the firehose suite: an event matches one client in ten on average. */
const MATCHES_PER_EVENT = 0.1;

/** @param channel Centrifugo's, with its namespace; for `filter` the namespace must allow tags filters */
export function peerPlan(workload: PeerWorkload, channel: string, clients: number): PeerPlan {
  const events = kernelWorkload({ kind: 'equality', channelCount: clients, matchesPerEvent: MATCHES_PER_EVENT });
  const hosts = Array.from({ length: clients }, (_, i) => events.channelKeys(i)[0] ?? '');
  const wanted = new Set(hosts);
  const isFilter = workload === 'filter';
  return {
    wishes: hosts.map((host) =>
      isFilter ? { from: channel, tagsFilter: { key: 'host', cmp: 'eq', val: host } } : { from: channel },
    ),
    publication(sequence, sentUs) {
      const { traceId, ...event } = events.event(sequence);
      const data = { ...event, timestamp: sentUs };
      return isFilter ? { channel, data, tags: { host: event.host, service: event.service } } : { channel, data };
    },
    deliveriesOf: (sequence) => (isFilter ? Number(wanted.has(events.event(sequence).host)) : clients),
  };
}
