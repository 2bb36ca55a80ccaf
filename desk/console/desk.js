// The agents' console: one element that draws what the model knows, and hands keys and presses to the actions.
import { LitElement, html } from "/ui/vendor/lit.min.js";
import { asking } from "./asks.js";
import { bar, door, tabs } from "./bar.js";
import { context } from "./context.js";
import { doing } from "./doing.js";
import { action } from "./keys.js";
import { lead } from "./lead.js";
import { Desk } from "./model.js";
import { queue } from "./queue.js";
import { talk } from "./talk.js";
import { writing } from "./writing.js";

const GIVEN = JSON.parse(document.getElementById("parley-config").textContent);
const CONFIG = { api: "/desk/api", events: "/desk/events", logout: "/desk/logout", locale: "en-GB", brand: {}, words: {}, ...GIVEN };

class ParleyDesk extends LitElement {
  #stuck = true;
  #asked = undefined;
  #returnTo = undefined;
  #shown = undefined;

  // Plain DOM, so that a brand's stylesheet and its custom properties reach everything.
  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.desk = new Desk(CONFIG, () => this.requestUpdate());
    const page = {
      drawn: () => this.updateComplete,
      grow: () => this.#grow(),
      down: () => (this.#stuck = true),
      get box() {
        return document.getElementById("text");
      },
    };
    this.does = { ...writing(this.desk, page), ...doing(this.desk, page), ...this.#own(page) };
    document.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("visibilitychange", () => this.desk.saw());
    setInterval(() => this.requestUpdate(), 1_000); // waiting times and countdowns
    this.desk.start();
  }

  firstUpdated() {
    document.getElementById("opening")?.remove();
  }

  // What a key or a press does that is the page's own ----------------------------------------------------------------

  #own(page) {
    const { desk } = this;
    return {
      help: () => {
        desk.ask = { kind: "help" };
        desk.changed();
      },
      presence: async (state) => {
        const answer = await desk.post("/presence", { state });
        if (answer) desk.me.agent = { ...desk.me.agent, ...answer.agent };
        desk.changed();
      },
      notifications: async () => {
        if ((await desk.notifier.ask()) === "denied") desk.say(desk.t("notificationsDenied"));
        desk.changed();
      },
      signOut: async () => {
        if (await desk.post(desk.config.logout, {})) location.assign("/desk/login");
      },
      details: () => {
        const { open, page: at } = desk;
        if (open) desk.go(at === "info" ? `case/${open.id}` : `case/${open.id}/details`);
      },
      range: (hours) => desk.loadFigures(hours),
      scrolled: () => {
        const { scrollHeight, scrollTop, clientHeight } = this.#log;
        this.#stuck = scrollHeight - scrollTop - clientHeight < 80;
      },
      earlier: async () => {
        const { open } = desk;
        const log = this.#log;
        const from = log.scrollHeight - log.scrollTop;
        const answer = await desk.get(`/cases/${open.id}/lines?before=${encodeURIComponent(open.more)}`);
        if (!answer) return;
        open.log.add(answer.lines);
        open.more = answer.more;
        desk.changed();
        await this.updateComplete;
        log.scrollTop = log.scrollHeight - from; // what was read stays where it was
      },
      next: () => this.#step(1),
      previous: () => this.#step(-1),
      reply: () => desk.open?.ready && page.box && !desk.open.noteOnly && this.does.mode("reply"),
      note: () => desk.open?.ready && page.box && this.does.mode("note"),
      canned: async () => {
        if (!desk.open?.ready || !page.box || desk.open.noteOnly) return;
        const { draft } = desk.open;
        if (!/(^|\s)\/[\w-]*$/.test(draft.reply)) draft.reply += draft.reply && !draft.reply.endsWith(" ") ? " /" : "/";
        draft.cannedShut = false;
        await this.does.mode("reply");
        page.box?.setSelectionRange(draft.reply.length, draft.reply.length);
      },
      snoozeOrWake: () => (desk.open?.item?.state === "snoozed" ? this.does.wake() : this.does.snooze()),
    };
  }

  #step(by) {
    const { items, open } = this.desk;
    if (!items.length) return;
    const at = items.findIndex((item) => item.case === open?.id);
    const next = items[at < 0 ? (by > 0 ? 0 : items.length - 1) : Math.min(Math.max(at + by, 0), items.length - 1)];
    this.desk.go(`case/${next.case}`);
    this.querySelector(`.item[data-case="${CSS.escape(next.case)}"]`)?.focus();
  }

  #key(event) {
    const { desk } = this;
    if (event.key === "Escape" && !desk.ask) this.#escape(event);
    const wanted = desk.me && !desk.signedOut && action(event, { single: desk.prefs.singleKeys, inDialog: Boolean(desk.ask) });
    if (!wanted) return;
    event.preventDefault();
    this.does[wanted === "snooze" ? "snoozeOrWake" : wanted]?.();
  }

  /** Out of the message box, so that single keys count; out of the details. */
  #escape() {
    if (this.desk.page === "info") this.does.details();
    else if (document.activeElement?.id === "text") this.#log?.focus();
  }

  get #log() {
    return this.querySelector(".log");
  }

  #grow() {
    const box = document.getElementById("text");
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + 2}px`;
  }

  // What is seen ------------------------------------------------------------------------------------------------------

  updated() {
    const { desk } = this;
    this.#window();
    const opened = desk.open?.ready ? desk.open : undefined;
    if (opened !== this.#shown) {
      this.#shown = opened;
      this.#stuck = true;
      this.#grow();
      // On a phone the pane has changed under the finger: the reader is taken along.
      if (opened && !this.querySelector(".queue")?.checkVisibility()) this.querySelector(".talk-head h2")?.focus();
    }
    if (this.#stuck && this.#log) this.#log.scrollTop = this.#log.scrollHeight;
    const { t, queue: { waiting, mine } } = desk;
    const count = waiting.length + mine.reduce((sum, item) => sum + item.unread, 0);
    document.title = (count && desk.me ? `(${count}) ` : "") + t("desk");
  }

  /** Shows or shuts the small window; the focus goes back to where it came from. */
  #window() {
    const window = this.querySelector("dialog.ask");
    if (!window) return;
    const kind = this.desk.ask?.kind;
    if (kind === this.#asked) return;
    if (kind && !window.open) {
      this.#returnTo = document.activeElement;
      window.showModal();
    } else if (!kind && window.open) {
      window.close();
      if (this.#returnTo?.isConnected) this.#returnTo.focus();
    }
    this.#asked = kind;
  }

  render() {
    const { desk, does } = this;
    this.className = `at-${desk.page}`;
    const { t, me } = desk;
    if (desk.signedOut) return door(desk);
    if (!me) return html`<p class="opening" role="status">${desk.toast || t("opening")}</p>`;
    const figures = desk.page === "figures";
    return html`
      <a class="skip" href="#talk" @click=${(event) => this.#skip(event)}>${t("skip")}</a>
      ${bar(desk, does)}
      ${figures
        ? lead(desk, does)
        : html`<main class=${`panes showing-${desk.page}`}><h1 class="hidden">${t("desk")}</h1>${queue(desk, does)}${talk(desk, does)}${context(desk, does)}</main>`}
      ${tabs(desk)}
      <p class="toast" role="status">${desk.toast}</p>
      <dialog class="ask" aria-labelledby="ask-title" @cancel=${(event) => {
        event.preventDefault();
        does.shut();
      }}>${asking(desk, does)}</dialog>
    `;
  }

  #skip(event) {
    event.preventDefault();
    (document.getElementById("text") ?? this.#log)?.focus();
  }
}

customElements.define("parley-desk", ParleyDesk);
