// A TCP proxy that can be told to be a bad line: cut, hold, swallow one direction, delay, lose, slow down, corrupt. Between
// any two parts of the service that talk over TCP; everything on loopback. (`tc netem` needs a kernel module that many
// machines and containers do not have, and cannot touch one connection of a process alone.)
//
//   client ──▶ [ toServer ] ──▶ server
//          ◀── [ toClient ] ◀──

import { connect, createServer, type Server, type Socket } from 'node:net';
import { LOOPBACK } from '../../../deploy/local/port-plan.ts';
import { Link } from './link.ts';
import { CLEAR, type LinkConditions } from './link-conditions.ts';

type Direction = 'toServer' | 'toClient';

/** What some connections meet, chosen by the first bytes that their client has sent. */
export interface ConnectionRule {
  readonly matches: (opening: string) => boolean;
  readonly conditions: Partial<LinkConditions>;
  readonly directions: readonly Direction[];
  /** Also for connections that are made later. */
  readonly alsoNew: boolean;
}

/** Enough for the greetings of any protocol here. */
const OPENING_BYTES = 4096;
/** What matched is to reach the server before the line goes bad. */
const RULE_DELAY_MS = 100;

interface ProxiedConnection {
  readonly client: Socket;
  readonly server: Socket;
  readonly links: Readonly<Record<Direction, Link>>;
  opening: string;
}

export class FaultyProxy {
  readonly #targetPort: number;
  readonly #ratio: () => number;
  readonly #server: Server;
  readonly #connections = new Set<ProxiedConnection>();
  readonly #conditions: Record<Direction, LinkConditions> = { toServer: CLEAR, toClient: CLEAR };
  #rule: ConnectionRule | null = null;
  #refuses = false;

  private constructor(targetPort: number, ratio: () => number) {
    this.#targetPort = targetPort;
    this.#ratio = ratio;
    this.#server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (client) => this.#onConnection(client));
  }

  /** @param port to listen on; 0: any. @param ratio uniform in [0, 1), for jitter and loss */
  static async listen(targetPort: number, ratio: () => number, port = 0): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(targetPort, ratio);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(port, LOOPBACK, resolve);
    });
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return address.port;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Changes the line, for connections that are there and for those that come. */
  set(conditions: Partial<LinkConditions>, directions: readonly Direction[] = ['toServer', 'toClient']): void {
    for (const direction of directions) {
      this.#conditions[direction] = { ...this.#conditions[direction], ...conditions };
      for (const { links } of this.#connections) links[direction].set(this.#conditions[direction]);
    }
  }

  /** Changes the line for some connections only, until it is healed. */
  setSome(rule: ConnectionRule): number {
    if (rule.alsoNew) this.#rule = rule;
    const chosen = [...this.#connections].filter(({ opening }) => rule.matches(opening));
    for (const connection of chosen) this.#apply(rule, connection);
    return chosen.length;
  }

  /** Nothing passes either way and nobody is told, as when a switch fails. What was under way comes when it is healed. */
  partition(): void {
    this.set({ flow: 'hold' });
  }

  /** A good line again, for all. */
  heal(): void {
    this.#refuses = false;
    this.#rule = null;
    this.set(CLEAR);
  }

  /** Ends all connections at once, as when the other machine restarts; new ones may come unless `refuse`. */
  cut({ refuse = false } = {}): void {
    this.#refuses = refuse;
    for (const connection of [...this.#connections]) this.#end(connection);
  }

  async close(): Promise<void> {
    this.cut({ refuse: true });
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #onConnection(client: Socket): void {
    if (this.#refuses) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ host: LOOPBACK, port: this.#targetPort, allowHalfOpen: true });
    client.setNoDelay(true);
    server.setNoDelay(true);
    const links = {
      toServer: new Link(client, server, this.#conditions.toServer, this.#ratio),
      toClient: new Link(server, client, this.#conditions.toClient, this.#ratio),
    };
    const connection = { client, server, links, opening: '' };
    this.#connections.add(connection);
    client.on('data', (chunk) => this.#onOpening(connection, chunk));
    for (const socket of [client, server]) {
      socket.on('error', () => this.#end(connection));
      socket.on('close', () => this.#end(connection));
    }
  }

  #onOpening(connection: ProxiedConnection, chunk: Buffer): void {
    if (connection.opening.length >= OPENING_BYTES) return;
    const matchedBefore = this.#rule?.matches(connection.opening) ?? false;
    connection.opening += chunk.toString('latin1', 0, OPENING_BYTES);
    const rule = this.#rule;
    if (rule === null || matchedBefore || !rule.matches(connection.opening)) return;
    setTimeout(() => {
      if (this.#rule === rule) this.#apply(rule, connection);
    }, RULE_DELAY_MS);
  }

  #apply({ conditions, directions }: ConnectionRule, { links }: ProxiedConnection): void {
    for (const direction of directions) links[direction].set({ ...this.#conditions[direction], ...conditions });
  }

  #end(connection: ProxiedConnection): void {
    if (!this.#connections.delete(connection)) return;
    connection.links.toServer.close();
    connection.links.toClient.close();
    connection.client.resetAndDestroy();
    connection.server.resetAndDestroy();
  }
}
