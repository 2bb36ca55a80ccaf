// What the console knows, and how it comes to know it: the API, the stream, the address bar. No DOM of its own.
import { Api, Problem } from "./api.js";
import { Case, newDraft } from "./case.js";
import { Looking } from "./looking.js";
import { Notifier } from "./notify.js";
import * as prefs from "./prefs.js";
import { Stream } from "./stream.js";
import { serverSays } from "./time.js";
import { upper, words } from "./words.js";

const EMPTY = { waiting: [], mine: [], others: [], snoozed: [], approvals: [], counts: {} };
const FRESH = 15_000; // how old the figures on the screen may be

export class Desk {
  me = undefined;
  queue = EMPTY;
  open = undefined; // the Case on the screen
  page = "queue"; // queue | talk | info | figures
  net = "opening"; // opening | online | lost
  signedOut = false;
  toast = "";
  ask = undefined; // the small window on top: {kind, …}
  replies = [];
  figures = undefined;
  prefs = prefs.read();
  #drafts = new Map();
  #toastTimer = 0;
  #looking = new Looking(this);

  constructor(config, changed) {
    this.config = config;
    this.changed = changed;
    this.t = words(config.words, { brand: config.brand?.name ?? "" });
    this.api = new Api(config.api, this.t, (me) => this.#signedIn(me));
    this.notifier = new Notifier((id) => id && this.go(`case/${id}`));
    this.stream = new Stream(config.events, {
      query: () => (this.open ? new URLSearchParams({ case: this.open.id, after: this.open.log.after }).toString() : ""),
      heard: (name, data) => this.#heard(name, data),
      state: (state) => this.#connection(state),
    });
    setInterval(() => this.page === "figures" && !this.signedOut && !document.hidden && this.loadFigures(), FRESH);
    addEventListener("hashchange", () => this.#route());
    addEventListener("focus", () => this.signedOut && this.start());
  }

  // Beginning -------------------------------------------------------------------------------------------------------

  async start() {
    try {
      this.#signedIn(await this.api.get("/me"));
      this.#takeQueue(await this.api.get("/queue"));
    } catch (problem) {
      if (!this.failed(problem)) return;
      setTimeout(() => this.start(), 3_000);
      return;
    }
    await this.#route();
    this.stream.open();
    this.replies = (await this.get("/replies"))?.replies ?? [];
    this.changed();
  }

  #signedIn(me) {
    this.me = { ...me, dialogs: me.dialogs.map((one) => ({ ...one, title: upper(one.title) })) };
    this.api.csrf = me.csrf;
    this.signedOut = false;
    if (this.net === "opening") this.net = "online";
    this.changed();
  }

  /** Takes note of a problem and tells the agent. True where it is worth trying again later. */
  failed(problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status === 401) {
      this.signedOut = true;
      this.stream.close();
      this.changed();
      return false;
    }
    this.say(problem.code === "Taken" && problem.by ? this.t("taken", { name: problem.by }) : problem.message);
    return problem.status === 0 || problem.status >= 500;
  }

  /** A short message that passes. */
  say(text) {
    this.toast = text;
    clearTimeout(this.#toastTimer);
    this.#toastTimer = setTimeout(() => {
      this.toast = "";
      this.changed();
    }, 7_000);
    this.changed();
  }

  async get(path) {
    try {
      return await this.api.get(path);
    } catch (problem) {
      this.failed(problem);
      return undefined;
    }
  }

  /** A change; what fails is told to the agent, and undefined comes back. */
  async post(path, body) {
    try {
      const answer = await this.api.twice(() => this.api.post(path, body));
      if (answer.item) this.#takeItem(answer.item);
      return answer;
    } catch (problem) {
      this.failed(problem);
      // Somebody was faster, or it is not ours any more: what is shown was out of date.
      if (problem.status === 409 || problem.status === 403) await this.reload({ quiet: true });
      return undefined;
    }
  }

  // Where we are ----------------------------------------------------------------------------------------------------

  go(place) {
    if (location.hash === `#${place}`) this.#route();
    else location.hash = place;
  }

  async #route() {
    const [what, id, part] = location.hash.slice(1).split("/");
    if (what === "figures" && this.me?.agent.role === "lead") {
      this.page = "figures";
      await this.loadFigures();
    } else if (what === "case" && id) {
      this.page = part === "details" ? "info" : "talk";
      if (this.open?.id !== id) await this.#openCase(id);
    } else {
      this.page = "queue";
      if (this.open) this.#closeCase();
    }
    this.changed();
  }

  async #openCase(id) {
    this.#closeCase(false);
    if (!this.#drafts.has(id)) this.#drafts.set(id, newDraft());
    const opened = new Case(id, this.#drafts.get(id));
    this.open = opened;
    this.changed();
    try {
      const answer = await this.api.get(`/cases/${encodeURIComponent(id)}`);
      if (this.open !== opened) return;
      opened.fill(answer);
    } catch (problem) {
      this.failed(problem);
      if (this.open === opened) this.leave();
      return;
    }
    if (this.net !== "opening") this.stream.open();
    this.#looking.views();
    this.saw();
    this.changed();
  }

  #closeCase(reopen = true) {
    if (!this.open) return;
    this.open.close();
    this.open = undefined;
    if (reopen && !this.signedOut) this.stream.open();
  }

  /** Puts the open case away, for one that is not ours any more, or is done. */
  leave() {
    this.ask = undefined;
    history.replaceState(undefined, "", "#");
    this.#route();
  }

  async reload({ quiet = false } = {}) {
    const { open } = this;
    if (!open) return;
    try {
      const answer = await this.api.get(`/cases/${encodeURIComponent(open.id)}`);
      if (this.open === open) open.fill(answer);
      this.changed();
    } catch (problem) {
      if (!quiet) this.failed(problem);
      if (problem.status === 403 || problem.status === 404) this.leave();
    }
  }

  async loadFigures(hours = this.figures?.hours ?? 24) {
    const answer = await this.get(`/figures?hours=${hours}`);
    if (answer) this.figures = { ...answer, hours };
    this.changed();
  }

  /** What an act is called. */
  actTitle(id) {
    return this.me.acts.find((one) => one.id === id)?.title ?? id;
  }

  /** Who is here may have changed since the page was opened. */
  async refresh() {
    const me = await this.get("/me");
    if (me) this.#signedIn(me);
  }

  /** The queue as one list, in the order it is shown. */
  get items() {
    const { mine, waiting, snoozed } = this.queue;
    return [...mine, ...waiting, ...snoozed];
  }

  // What arrives ----------------------------------------------------------------------------------------------------

  #heard(name, data) {
    const open = data.case && this.open?.id === data.case ? this.open : undefined;
    switch (name) {
      case "hello":
        serverSays(data.now);
        break;
      case "queue":
        this.#takeQueue(data);
        break;
      case "lines":
        if (open?.log.add(data.lines).some((line) => line.side === "customer")) open.types({ on: false }, () => {});
        this.saw();
        break;
      case "context":
        if (open) Object.assign(open, { context: data.context, item: data.item, may: data.may });
        break;
      case "typing":
        open?.types(data, this.changed);
        break;
      case "me":
        if (this.me) this.me.agent = { ...this.me.agent, ...data };
        break;
      case "notify":
        this.#notified(data);
        break;
    }
    this.changed();
  }

  #takeQueue(queue) {
    if (queue.now) serverSays(queue.now);
    this.queue = { ...EMPTY, ...queue };
    const item = this.open && [...this.items, ...this.queue.others].find((one) => one.case === this.open.id);
    if (item) this.#takeItem(item);
  }

  #takeItem(item) {
    if (this.open?.ready && this.open.id === item.case && item.version >= this.open.item.version) this.open.item = item;
    this.changed();
  }

  #notified({ kind, case: id, title, text }) {
    const looking = !document.hidden && document.hasFocus() && this.open?.id === id && this.page !== "figures";
    if (kind === "gone") {
      if (this.open?.id === id) this.reload({ quiet: true });
      this.say(text || title);
    }
    if (!looking) this.notifier.tell(title, { body: text, conversation: id });
    if (this.page === "figures") this.loadFigures();
  }

  async #connection(state) {
    const lost = this.net === "lost";
    this.net = state;
    this.changed();
    if (state === "lost") {
      // The stream does not say why it ended: a session that is over shows here.
      try {
        this.#signedIn(await this.api.get("/me"));
        // Nor does it say whether the open case is still ours to see.
        await this.reload({ quiet: true });
      } catch (problem) {
        if (problem.status === 401) this.failed(problem);
      }
    } else if (lost) {
      await this.reload();
    }
  }

  /** The customer's lines have been seen, by whoever holds the case. */
  saw() {
    this.#looking.saw();
  }

  setPrefs(values) {
    this.prefs = { ...this.prefs, ...values };
    prefs.write(this.prefs);
    this.changed();
  }
}
