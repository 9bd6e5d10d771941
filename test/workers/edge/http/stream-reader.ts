// Reads an event stream as the WHATWG HTML standard says (§9.2.6), written from it and not from the edge. Bytes may come in
// any pieces.

export interface StreamMessage {
  readonly type: string;
  readonly data: string;
  /** The last event id when it was dispatched. */
  readonly lastEventId: string;
}

export class StreamReader {
  readonly messages: StreamMessage[] = [];
  /** What a browser would send as Last-Event-ID when it came back now. */
  lastEventId = '';
  retryMs: number | null = null;
  comments = 0;
  readonly #decoder = new TextDecoder();
  #text = '';
  #data: string[] = [];
  #type = '';
  #id = '';

  read(bytes: Uint8Array): void {
    this.#text += this.#decoder.decode(bytes, { stream: true });
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end).replace(/\r$/, '');
      this.#text = this.#text.slice(end + 1);
      this.#readLine(line);
    }
  }

  of(type: string): StreamMessage[] {
    return this.messages.filter((message) => message.type === type);
  }

  #readLine(line: string): void {
    if (line === '') {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === '') this.comments += 1;
    if (field === 'data') this.#data.push(value);
    if (field === 'event') this.#type = value;
    if (field === 'id' && !value.includes('\0')) this.#id = value;
    if (field === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch(): void {
    this.lastEventId = this.#id;
    if (this.#data.length > 0) {
      const type = this.#type === '' ? 'message' : this.#type;
      this.messages.push({ type, data: this.#data.join('\n'), lastEventId: this.lastEventId });
    }
    this.#data = [];
    this.#type = '';
  }
}
