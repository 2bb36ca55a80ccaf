// What others are told of us: which case we look at, whether we type, how far we have read.

const OFTEN = 3_000; // ms between two signs

export class Looking {
  #desk;
  #told = 0;

  constructor(desk) {
    this.#desk = desk;
    setInterval(() => this.views(), OFTEN);
  }

  /** We look at the open case, and perhaps type a reply in it. */
  views() {
    const { open, signedOut, api } = this.#desk;
    if (!open?.ready || signedOut || document.hidden) return;
    // Every key press counts, however late the clock of a busy machine ticks, and twice where one sign is lost.
    const { mode, reply, typed } = open.draft;
    const typing = mode === "reply" && reply !== "" && typed > Math.min(this.#told, Date.now() - 2 * OFTEN);
    this.#told = Date.now();
    // A lost one does not matter: the next comes in three seconds.
    api.post(`/cases/${open.id}/viewing`, { typing }).catch(() => {});
  }

  /** The customer's lines have been seen, by whoever holds the case. */
  saw() {
    const { open, api } = this.#desk;
    if (!open?.item?.mine || document.hidden) return;
    const place = open.unseen();
    if (place) api.post(`/cases/${open.id}/seen`, place).catch(() => {});
  }
}
