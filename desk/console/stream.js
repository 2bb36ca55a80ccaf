// What the server tells by itself: one EventSource, opened anew for each case and after each loss.

const NAMES = ["queue", "lines", "context", "typing", "notify", "me"];

export class Stream {
  #source;
  #timer = 0;
  #tries = 0;
  #hidden = 0;

  /** `query()` says what to ask for; `heard(name, data)` takes each event; `state("online" | "lost")` the connection. */
  constructor(url, { query, heard, state }) {
    Object.assign(this, { url, query, heard, state });
    addEventListener("online", () => this.open());
    document.addEventListener("visibilitychange", () => {
      // After a machine has slept, a dead connection can look alive for minutes.
      if (document.hidden) this.#hidden = Date.now();
      else if (this.#hidden && Date.now() - this.#hidden > 60_000) this.open();
    });
  }

  /** Opens a new one; the old one goes on until the new one speaks, so that nothing falls between them. */
  open() {
    clearTimeout(this.#timer);
    const old = this.#source;
    const source = new EventSource(`${this.url}?${this.query()}`);
    this.#source = source;
    source.addEventListener("hello", (event) => {
      old?.close();
      this.#tries = 0;
      this.state("online");
      this.heard("hello", JSON.parse(event.data));
    });
    source.addEventListener("bye", () => this.#lost(source, 2_000));
    source.onerror = () => {
      old?.close();
      this.#lost(source, Math.min(10_000, 500 * 2 ** this.#tries++));
    };
    for (const name of NAMES) source.addEventListener(name, (event) => this.heard(name, JSON.parse(event.data)));
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
  }

  #lost(source, delay) {
    source.close();
    if (source !== this.#source) return;
    this.state("lost");
    clearTimeout(this.#timer);
    // A little chance, so that all desks do not come back in the same moment.
    this.#timer = setTimeout(() => this.open(), delay * (0.75 + Math.random() / 2));
  }
}
