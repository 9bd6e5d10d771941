// WebSockets between client libraries and edges: frames keep their order, take a while, and wait where a reader stands
// still. A connection breaks with what was under way, and each end learns of it in its own time.

import type { Socket as ClientSocket, SocketConstructor } from '../../../client/library/runtime.ts';
import type { Socket as EdgeSocket } from '../../../workers/edge/connection.ts';
import type { SocketHandlers } from '../../../workers/edge/websocket-server.ts';
import type { SimulatedProcess } from '../engine/simulated-process.ts';
import type { Simulator } from '../engine/simulator.ts';
import { WireWatch } from '../watch/wire-watch.ts';

/** An edge as the network sees it. */
export interface Listener {
  readonly process: SimulatedProcess;
  accept(socket: EdgeSocket): SocketHandlers | { readonly closeCode: number; readonly reason: string };
}

const LATENCY_MS = { low: 0.2, high: 5 } as const;
/** What the kernels of both machines take although nobody reads. */
const WINDOW_BYTES = 400;
const ABNORMAL = 1006;
type Listening = (event: never) => void;

export class SimulatedNetwork {
  /** By host name. */
  readonly edges = new Map<string, Listener>();
  readonly #simulator: Simulator;
  readonly #open = new Set<Wire>();

  constructor(simulator: Simulator) {
    this.#simulator = simulator;
  }

  /** WebSockets of one client process. */
  socketsOf(process: SimulatedProcess): SocketConstructor {
    const open = (url: string): Wire => {
      const wire = new Wire(this.#simulator, process, this.edges.get(new URL(url).hostname), (gone) => {
        this.#open.delete(gone);
      });
      this.#open.add(wire);
      return wire;
    };
    return class {
      constructor(url: string) {
        // biome-ignore lint/correctness/noConstructorReturn: the interface wants a class, the network keeps the wires
        return open(url);
      }
    } as unknown as SocketConstructor;
  }

  wiresOf(process: SimulatedProcess): Wire[] {
    return [...this.#open].filter((wire) => wire.client === process || wire.edge === process);
  }
}

/** Both ends of one connection; the client's socket is the object itself. */
export class Wire implements ClientSocket {
  readonly client: SimulatedProcess;
  readonly edge: SimulatedProcess | null;
  readonly #simulator: Simulator;
  readonly #onGone: (wire: Wire) => void;
  readonly #listeners = new Map<string, Listening[]>();
  #connection: SocketHandlers | null = null;
  #isBroken = false;
  #isClientClosed = false;
  #isEdgeClosed = false;
  #toEdgeAtMs = 0;
  #toClientAtMs = 0;
  /** Sent by the edge and not read by the client. */
  readonly #unread: { readonly data: string; readonly bytes: number; readonly end: number | null }[] = [];
  #unreadBytes = 0;
  #isReading = true;
  readonly #wire: WireWatch;

  constructor(
    simulator: Simulator,
    client: SimulatedProcess,
    listener: Listener | undefined,
    onGone: (wire: Wire) => void,
  ) {
    this.#simulator = simulator;
    this.#wire = new WireWatch((problem) => simulator.fail(`${client.name}: ${problem}`));
    this.client = client;
    this.edge = listener?.process ?? null;
    this.#onGone = onGone;
    client.onCrash(() => this.break());
    listener?.process.onCrash(() => this.break());
    if (!listener || listener.process.isGone)
      simulator.plan(latency(simulator), client, 'refused', () => this.#tell(ABNORMAL, ''));
    else simulator.plan(latency(simulator), listener.process, 'accept', () => this.#accept(listener));
  }

  addEventListener(type: string, listener: Listening): void {
    const known = this.#listeners.get(type);
    if (known) known.push(listener);
    else this.#listeners.set(type, [listener]);
  }

  /** By the client. */
  send(text: string): void {
    if (this.#isClientClosed || this.#isBroken) return;
    const bytes = Buffer.from(text);
    if (this.#simulator.trace.keepsAll) this.#simulator.note(`▶ ${text}`);
    this.#toEdge('client message', () => this.#connection?.onMessage(bytes, false));
  }

  /** By the client. */
  close(): void {
    if (this.#isClientClosed) return;
    this.#isClientClosed = true;
    this.#toEdge('client closes', () => this.#edgeClosed());
    this.#unread.length = 0;
  }

  /** The network between them fails. */
  break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#onGone(this);
    const { random } = this.#simulator;
    this.#simulator.plan(random.between(0, 40), this.client, 'connection broken', () => this.#tell(ABNORMAL, ''));
    this.#simulator.plan(random.between(0, 40), this.edge, 'connection broken', () => this.#edgeClosed());
  }

  setReading(isReading: boolean): void {
    this.#isReading = isReading;
    if (!isReading) return;
    const wasBehind = this.#bufferedBytes() > 0;
    for (const { data, end } of this.#unread.splice(0)) this.#toClient(data, end);
    this.#unreadBytes = 0;
    if (wasBehind)
      this.#simulator.plan(latency(this.#simulator), this.edge, 'drained', () => this.#connection?.onDrained());
  }

  #accept(listener: Listener): void {
    if (this.#isBroken || this.#isClientClosed) return;
    const accepted = listener.accept({
      send: (frame) => this.#sendByEdge(Buffer.from(frame).toString()),
      getBufferedAmount: () => this.#bufferedBytes(),
      cork: (send) => send(),
      end: (closeCode, reason) => this.#endByEdge(closeCode, reason),
    });
    if ('closeCode' in accepted) this.#endByEdge(accepted.closeCode, accepted.reason);
    else this.#connection = accepted;
  }

  #bufferedBytes(): number {
    return Math.max(0, this.#unreadBytes - WINDOW_BYTES);
  }

  #sendByEdge(data: string): number {
    if (this.#isBroken || this.#isEdgeClosed) return 1;
    this.#queue(data, null);
    return this.#bufferedBytes() === 0 ? 1 : 0;
  }

  #endByEdge(closeCode: number, reason: string): void {
    this.#queue(reason, closeCode);
    this.#simulator.plan(latency(this.#simulator), this.edge, 'ended', () => this.#edgeClosed());
  }

  #queue(data: string, end: number | null): void {
    if (this.#isReading) {
      this.#toClient(data, end);
      return;
    }
    this.#unread.push({ data, bytes: data.length, end });
    this.#unreadBytes += data.length;
  }

  #toClient(data: string, end: number | null): void {
    const at = Math.max(this.#simulator.nowMs + latency(this.#simulator), this.#toClientAtMs);
    this.#toClientAtMs = at;
    this.#simulator.plan(at - this.#simulator.nowMs, this.client, 'frame', () => {
      if (this.#isBroken || this.#isClientClosed) return;
      if (this.#simulator.trace.keepsAll) this.#simulator.note(`◀ ${data}`);
      if (end === null) this.#wire.frame(data);
      if (end === null) this.#emit('message', { data });
      else this.#tell(end, data);
    });
  }

  #toEdge(what: string, action: () => void): void {
    const at = Math.max(this.#simulator.nowMs + latency(this.#simulator), this.#toEdgeAtMs);
    this.#toEdgeAtMs = at;
    this.#simulator.plan(at - this.#simulator.nowMs, this.edge, what, () => {
      if (!this.#isBroken && !this.#isEdgeClosed) action();
    });
  }

  #edgeClosed(): void {
    if (this.#isEdgeClosed) return;
    this.#isEdgeClosed = true;
    this.#connection?.onSocketClosed();
    this.#onGone(this);
  }

  /** The client's socket is closed. */
  #tell(code: number, reason: string): void {
    if (this.#isClientClosed) return;
    this.#isClientClosed = true;
    this.#onGone(this);
    this.#emit('close', { code, reason });
  }

  #emit(type: string, event: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

const latency = (simulator: Simulator): number => simulator.random.between(LATENCY_MS.low, LATENCY_MS.high);
