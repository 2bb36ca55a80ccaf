// The lines of a case over all of a person's channels, and the rows they are shown as: lines in, rows out, no DOM.

const GAP = 5 * 60_000; // a pause after which a speaker is named again

export class Log {
  #lines = new Map();
  #receipts = new Map();
  #pending = [];

  /** Takes lines in any order, as often as they come. Returns those that are new and are shown. */
  add(lines) {
    const fresh = [];
    for (const line of lines) {
      const id = `${line.conversation}:${line.pos}`;
      if (line.kind === "receipt") {
        this.#receipts.set(`${line.conversation}/${line.ref}`, line);
        continue;
      }
      if (!this.#lines.has(id)) fresh.push(line);
      this.#lines.set(id, line);
      if (line.mine) this.#confirmed(line);
    }
    return fresh;
  }

  /** The furthest place in each conversation, as the stream asks for it. Notes have numbers of their own. */
  get after() {
    const furthest = new Map();
    for (const { conversation, pos } of [...this.#lines.values(), ...this.#receipts.values()]) {
      if (typeof pos === "number" && pos > (furthest.get(conversation) ?? 0)) furthest.set(conversation, pos);
    }
    return [...furthest].map(([conversation, pos]) => `${conversation}:${pos}`).join(",");
  }

  /** The last line of this conversation. */
  last(conversation) {
    const own = [...this.#lines.values()].filter((line) => line.conversation === conversation && typeof line.pos === "number");
    return own.length ? Math.max(...own.map((line) => line.pos)) : 0;
  }

  /** Whether the agent's last word here was a note. */
  get noteLast() {
    return [...this.#ordered(), ...this.#pending].findLast((line) => line.mine)?.kind === "note";
  }

  get empty() {
    return this.#lines.size === 0 && this.#pending.length === 0;
  }

  /** What this agent has just sent, before the server has shown it back. */
  send(pending) {
    this.#pending.push({ side: "agent", mine: true, choices: [], ...pending });
  }

  pending(key) {
    return this.#pending.find((one) => one.key === key);
  }

  /** The server has taken it. A line without a place yet stays as on its way, until the stream brings it with one. */
  sent(key, line) {
    const pending = this.pending(key);
    if (line && line.pos === 0 && pending) {
      Object.assign(pending, line, { state: undefined });
      return;
    }
    this.#pending = this.#pending.filter((one) => one.key !== key);
    if (line && line.pos !== 0) this.add([line]);
  }

  drop(key) {
    this.sent(key);
  }

  /** The rows, in order: {kind: "day" | "crossing" | "said", key, …}. */
  rows() {
    const rows = [];
    let before, channel;
    for (const line of [...this.#ordered(), ...this.#pending]) {
      const said = this.#row(line);
      if (!before || !sameDay(before.at, said.at)) rows.push({ kind: "day", key: `day ${said.key}`, at: said.at });
      // A note belongs to no channel, and does not come between two.
      if (said.channel && channel && said.channel !== channel) {
        rows.push({ kind: "crossing", key: `crossing ${said.key}`, channel: said.channel });
        before.last = true;
        said.first = true;
      }
      if (before && together(before, said)) before.last = false;
      else said.first = true;
      rows.push(said);
      before = said;
      channel = said.channel || channel;
    }
    return rows;
  }

  #ordered() {
    return [...this.#lines.values()].sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || number(a.pos) - number(b.pos));
  }

  #row(line) {
    const receipt = this.#receipts.get(`${line.conversation}/${line.ref}`);
    return {
      ...line,
      kind: "said",
      key: line.key ?? `${line.conversation}:${line.pos}`,
      at: new Date(line.at),
      what: line.kind,
      who: line.kind === "note" ? "private" : line.side === "agent" ? "person" : line.side,
      status: receipt?.status ?? line.status,
      reason: receipt?.reason ?? line.reason,
      first: false,
      last: true,
    };
  }

  #confirmed(line) {
    const own = (one) => (line.key ? one.key === line.key : one.state === "sending" && one.text === line.text && one.kind === line.kind);
    const index = this.#pending.findIndex(own);
    if (index >= 0) this.#pending.splice(index, 1);
  }
}

function number(pos) {
  return Number(String(pos).replace(/\D/g, ""));
}

function together(a, b) {
  return a.who === b.who && a.author === b.author && a.channel === b.channel && sameDay(a.at, b.at) && b.at - a.at < GAP;
}

function sameDay(a, b) {
  return a.toDateString() === b.toDateString();
}
