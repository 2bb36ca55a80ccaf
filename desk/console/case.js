// The case that is open: its lines, its context, what may be done, and what the agent is writing.
import { Log } from "./log.js";

/** What an agent writes in one case. A reply and a note never share a text. */
export function newDraft() {
  return { mode: "reply", reply: "", note: "", file: undefined, typed: 0 };
}

export class Case {
  item;
  context;
  may = { claim: false, write: false, why: "" };
  more = null;
  typing = undefined;
  #typingTimer = 0;
  #seen = "";

  constructor(id, draft) {
    this.id = id;
    this.draft = draft;
    this.log = new Log();
  }

  /** Takes the whole answer of GET /cases/{case}; lines known already stay. */
  fill({ item, context, lines, more, may }) {
    Object.assign(this, { item, context, may, more });
    this.log.add(lines);
    if (this.noteOnly) this.draft.mode = "note";
  }

  /** Whoever may see a colleague's conversation may leave a note in it, and nothing else. */
  get noteOnly() {
    return this.ready && !this.may.write && !this.may.claim && Boolean(this.item.holder) && !this.item.mine;
  }

  get ready() {
    return Boolean(this.item);
  }

  /** The conversation that is written in: where the customer asked last. */
  get conversation() {
    return this.context?.conversations.find((one) => one.current)?.id ?? "";
  }

  /** What the customer is in the middle of, uppermost first. A dialog that asked nothing is no task: it only waits for us. */
  get tasks() {
    return this.context.open.filter((one) => one.question || one.answers.length).reverse();
  }

  /** Somebody else types, for as long as they say so and no more than six seconds. */
  types(event, changed) {
    clearTimeout(this.#typingTimer);
    this.typing = event.on ? event : undefined;
    if (event.on) {
      this.#typingTimer = setTimeout(() => {
        this.typing = undefined;
        changed();
      }, 6_000);
    }
    changed();
  }

  /** How far the agent has seen, where that has not been told yet. */
  unseen() {
    const pos = this.log.last(this.conversation);
    const place = `${this.conversation}:${pos}`;
    if (!pos || place === this.#seen) return undefined;
    this.#seen = place;
    return { conversation: this.conversation, pos };
  }

  close() {
    clearTimeout(this.#typingTimer);
  }
}
