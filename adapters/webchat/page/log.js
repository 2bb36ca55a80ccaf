// What the page knows of the conversation, and the rows it shows: activities in, rows out, no DOM.

const GAP = 5 * 60_000; // a pause after which a speaker is named again

/** The conversation as received (by id, in the log's order) and the customer's own messages not yet confirmed. */
export class Log {
  #said = new Map();
  #spent = new Map();
  #pending = [];
  #presses = new Map();
  #last = 0;

  /** Takes activities from the server, in any order and as often as they come. Returns those that are new messages. */
  add(activities) {
    const fresh = [];
    for (const activity of activities) {
      const known = this.#said.get(activity.id) ?? this.#spent.get(activity.id);
      const pos = activity.channelData?.pos ?? known?.pos ?? this.#last + 1;
      this.#last = Math.max(this.#last, pos);
      if (activity.type === "event" && activity.name === "spent") {
        this.#spent.set(activity.id, { ...activity.value, pos });
      } else if (activity.type === "message") {
        if (!known) fresh.push(activity);
        this.#said.set(activity.id, { ...activity, pos });
        const sent = activity.channelData?.clientActivityID;
        if (sent) this.#pending = this.#pending.filter((one) => one.id !== sent);
      }
    }
    return fresh;
  }

  /** A message the customer has just sent, before the server has shown it back. */
  send(pending) {
    this.#pending.push(pending);
    // A press counts from now on, also in the time between its confirmation and the server's "spent".
    if (pending.of) this.#presses.set(pending.of, pending);
  }

  pending(id) {
    return this.#pending.find((one) => one.id === id);
  }

  /** Where the first link stands that can still be followed; undefined when there is none. */
  get firstLink() {
    const live = (part) => part.contentType === "application/vnd.parley.link" && !part.content.expired;
    return this.#ordered().find((one) => one.attachments?.some(live))?.pos;
  }

  /** Takes messages that are shown already, as they are now. */
  renew(activities) {
    this.add(activities.filter((one) => this.#said.has(one.id)));
  }

  clear() {
    this.#said.clear();
    this.#spent.clear();
    this.#presses.clear();
    this.#last = 0;
  }

  get empty() {
    return this.#said.size === 0 && this.#pending.length === 0;
  }

  /** Who answers at the moment, by who spoke last: "bot", "person", or undefined while nobody has. */
  get answering() {
    return this.#ordered().map(speaker).findLast((who) => who === "bot" || who === "person");
  }

  /** The rows to show, in order: {kind: "day", key, at} and {kind: "said", key, who, author, text, …}. */
  rows() {
    const ordered = this.#ordered();
    const asked = ordered.filter((one) => one.channelData?.op && one.suggestedActions?.actions?.length);
    const newest = new Map(asked.map((one) => [one.channelData.op, one.pos]));
    const said = ordered.map((one) => this.#row(one, newest));
    const mine = this.#pending.map((one) => ({
      kind: "said", key: one.id, who: "customer", author: "", text: one.text, at: one.at, state: one.state, id: one.id,
      choices: [], attachments: [],
    }));
    return grouped([...said, ...mine]);
  }

  #ordered() {
    return [...this.#said.values()].sort((a, b) => a.pos - b.pos);
  }

  #row(one, newest) {
    const data = one.channelData ?? {};
    const answer = data.op && [...this.#spent.values()].findLast((event) => event.op === data.op && event.pos > one.pos);
    const press = this.#presses.get(one.id);
    const pressed = press && press.state !== "failed" && press.state !== "refused" ? press : undefined;
    // A question asked again has newer buttons: the older copy of them is over.
    const spent = Boolean(data.spent || answer || pressed || (data.op && newest.get(data.op) > one.pos));
    const picked = pressed?.nonce ?? answer?.choice ?? data.choice;
    const choices = (one.suggestedActions?.actions ?? []).map((action) => ({
      title: action.title,
      nonce: action.value?.nonce,
      chosen: spent && picked != null && [action.value?.nonce, action.value?.id, action.title].includes(picked),
    }));
    return {
      kind: "said", key: data.clientActivityID ?? one.id, id: one.id, who: speaker(one),
      author: data.author ?? one.from?.name ?? "", text: one.text ?? "", at: new Date(one.timestamp), state: "sent",
      choices, spent, attachments: one.attachments ?? [],
    };
  }
}

function speaker(activity) {
  if (activity.from?.role === "user") return "customer";
  const said = activity.channelData?.speaker;
  return said === "person" || said === "system" ? said : "bot";
}

/** Adds day rows, and marks where a speaker's run of messages begins and ends. */
function grouped(said) {
  const rows = [];
  said.forEach((row, index) => {
    const before = said[index - 1];
    const after = said[index + 1];
    if (!before || !sameDay(before.at, row.at)) rows.push({ kind: "day", key: `day-${row.at.toDateString()}-${row.key}`, at: row.at });
    rows.push({ ...row, first: !together(before, row), last: !together(row, after) });
  });
  return rows;
}

function together(a, b) {
  return Boolean(a && b) && a.who === b.who && a.author === b.author && sameDay(a.at, b.at) && b.at - a.at < GAP;
}

function sameDay(a, b) {
  return a.toDateString() === b.toDateString();
}
