// The peer that the user runs, from the variables that `make bench SUITE=peer` is given.

export interface PeerSettings {
  readonly url: string;
  readonly apiUrl: string;
  readonly apiKey: string;
  readonly channel: string;
  readonly filterChannel: string;
  readonly clients: number;
  /** 0: not known, its CPU time is not measured. */
  readonly pid: number;
  /** Publications go to a topic that the peer's own consumer reads, instead of its API. */
  readonly kafka: { readonly brokers: string; readonly topic: string } | null;
}

/** @throws Error that says which variable is missing or wrong */
export function peerSettings(given: Readonly<Record<string, string | undefined>>): PeerSettings {
  if (given.PEER !== 'centrifugo') throw new Error('say which peer: PEER=centrifugo is the one that is known');
  const url = given.PEER_URL ?? '';
  if (!/^ws:\/\/[^/]+/.test(url)) throw new Error('PEER_URL must be the ws:// address of its WebSocket endpoint');
  const { host } = new URL(url);
  const { PEER_BROKERS: brokers, PEER_TOPIC: topic } = given;
  if ((brokers === undefined) !== (topic === undefined)) throw new Error('PEER_BROKERS and PEER_TOPIC go together');
  return {
    url: new URL(url).pathname === '/' ? `ws://${host}/connection/websocket` : url,
    apiUrl: given.PEER_API_URL ?? `http://${host}/api`,
    apiKey: given.PEER_API_KEY ?? '',
    channel: given.PEER_CHANNEL ?? 'bench:all',
    filterChannel: given.PEER_FILTER_CHANNEL ?? 'bench:filter',
    clients: whole('PEER_CLIENTS', given.PEER_CLIENTS ?? '1000'),
    pid: whole('PEER_PID', given.PEER_PID ?? '0'),
    kafka: brokers !== undefined && topic !== undefined ? { brokers, topic } : null,
  };
}

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${name} must be a whole number`);
  return Number(text);
}
