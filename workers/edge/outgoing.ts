// Connections with something to write. They are written together at the end of the moment in which it was sent: one system
// call for each client, whatever it got from however many channels.

/** What is written to, as seen from here. */
export interface Writable {
  /** Gives everything queued to the socket. */
  flush(): void;
  /** True while something waits for the client to have room. */
  readonly isAwaitingRoom: boolean;
  /** It was written to: what waits for room may go on, if there is some. */
  onWritten(): void;
}

export class Outgoing {
  #marked: Writable[] = [];
  #spare: Writable[] = [];
  #waiting: Writable[] = [];
  #isPlanned = false;
  readonly #run = (): void => {
    this.#isPlanned = false;
    this.writeAll();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const connection of waiting) connection.onWritten();
  };

  /** It has something to write; called once until it is flushed. */
  mark(connection: Writable): void {
    this.#marked.push(connection);
    this.#plan();
  }

  /** Writes now; whoever waits for room goes on a moment later, so that nothing is sent while this runs. */
  writeAll(): void {
    const marked = this.#marked;
    this.#marked = this.#spare;
    for (const connection of marked) {
      connection.flush();
      if (connection.isAwaitingRoom) this.#waiting.push(connection);
    }
    marked.length = 0;
    this.#spare = marked;
    if (this.#waiting.length > 0) this.#plan();
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    queueMicrotask(this.#run);
  }
}
