// What others are told of us: which case we look at, whether we type, how far we have read.

const OFTEN = 3_000; // ms between two signs, and how long a key press counts as typing

export class Looking {
  #desk;

  constructor(desk) {
    this.#desk = desk;
    setInterval(() => this.views(), OFTEN);
  }

  /** We look at the open case, and perhaps type a reply in it. */
  views() {
    const { open, signedOut, api } = this.#desk;
    if (!open?.ready || signedOut || document.hidden) return;
    const typing = open.draft.mode === "reply" && Date.now() - open.draft.typed < OFTEN;
    // Lost ones do not matter: the next comes in three seconds.
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
