// The chat page: one element that shows the log, takes what the customer writes, and keeps the two in step.
import { LitElement, html, nothing, repeat } from "/ui/vendor/lit.min.js";
import { day, icon, message } from "/ui/parts.js";
import { Connection } from "./connection.js";
import { banner, counter, dots, header, intro, telephone } from "./frame.js";
import { Log } from "./log.js";
import { words } from "./words.js";

const LIMIT = 4_000; // characters in one message
const NEAR = 500; // from here on the counter shows
const ANSWER = 20_000; // after which an answer is called late
const TYPING = 3_000; // how often it is told that somebody writes
const EMBEDDED = window.parent !== window;
const narrow = matchMedia("(max-width: 40rem)");
const GIVEN = JSON.parse(document.getElementById("parley-config").textContent);
const CONFIG = { starters: [], directline: "/v3/directline", session: "/chat/session", locale: "en-GB", brand: {}, ...GIVEN };

class ParleyChat extends LitElement {
  static properties = {
    ready: { state: true },
    net: { state: true },
    draft: { state: true },
    typing: { state: true },
    late: { state: true },
    unread: { state: true },
    notice: { state: true },
  };

  config = CONFIG;
  #log = new Log();
  #asked = 0;
  #typedAt = 0;
  #typingTimer = 0;
  #answerTimer = 0;
  #linkTimer = 0;
  #stuck = true;

  constructor() {
    super();
    Object.assign(this, { ready: false, net: "opening", draft: "", typing: false, late: false, unread: 0, notice: "" });
  }

  // Plain DOM, so that a brand's stylesheet and its custom properties reach everything.
  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    const { brand } = this.config;
    this.t = words(this.config.words, { brand: brand.name ?? "", phone: brand.phone ?? "" });
    this.connection = new Connection(this.config, {
      activities: (list, history) => this.#take(list, history),
      state: (state) => this.#connected(state),
      posted: (id, state) => this.#posted(id, state),
      fresh: () => this.#log.clear(),
    });
    this.connection.open();
    narrow.addEventListener("change", () => this.requestUpdate());
    document.addEventListener("visibilitychange", () => this.#seen());
  }

  // What arrives ---------------------------------------------------------------------------------------------------

  #take(activities, history) {
    const fresh = this.#log.add(activities).filter((one) => one.from?.role !== "user");
    if (!history) {
      if (fresh.length) this.#news(fresh.length);
      else if (activities.some((one) => one.type === "typing" && one.from?.role !== "user")) this.#dots(5_000);
    }
    this.#title();
    this.requestUpdate();
  }

  #news(n) {
    this.#answered();
    this.#links();
    if (!this.#stuck || document.hidden) this.unread += n;
    if (EMBEDDED) window.parent.postMessage({ parley: "said", n }, "*");
  }

  /** An answer may mean that a link before it has been used: it is looked up again, and shown as over. */
  #links() {
    const first = this.#log.firstLink;
    if (first === undefined) return;
    clearTimeout(this.#linkTimer);
    this.#linkTimer = setTimeout(async () => {
      this.#log.renew(await this.connection.again(first - 1).catch(() => []));
      this.requestUpdate();
    }, 400);
  }

  #connected(state) {
    const before = this.net;
    this.net = state === "online" && (before === "reconnecting" || before === "gone") ? "back" : state;
    this.ready ||= state === "online";
    if (this.net === "back") setTimeout(() => (this.net = this.net === "back" ? "online" : this.net), 3_000);
  }

  #posted(id, state) {
    const pending = this.#log.pending(id);
    if (pending) pending.state = state;
    if (state === "failed" || state === "refused") {
      this.#answered();
      this.notice = this.t(state);
    }
    this.requestUpdate();
  }

  #dots(time) {
    this.typing = true;
    clearTimeout(this.#typingTimer);
    this.#typingTimer = setTimeout(() => (this.typing = false), time);
  }

  #answered() {
    clearTimeout(this.#answerTimer);
    clearTimeout(this.#typingTimer);
    this.typing = this.late = false;
  }

  // What is sent ---------------------------------------------------------------------------------------------------

  #say(text, { value, of, nonce } = {}) {
    const id = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16).padStart(8, "0")).join("");
    this.#log.send({ id, text, value, of, nonce, at: new Date(), state: "sending" });
    this.#stuck = true;
    this.#post(id, text, value);
  }

  #post(id, text, value) {
    this.notice = "";
    this.connection.send(id, { type: "message", text, value, locale: this.config.locale, channelData: { clientActivityID: id } });
    // With a person at the other end the dots are theirs to show.
    if (this.#log.answering !== "person") {
      this.#answered();
      this.#dots(ANSWER);
      this.#answerTimer = setTimeout(() => (this.late = true), ANSWER);
    }
    this.requestUpdate();
  }

  #press = (row, choice) => this.#say(choice.title, { value: { nonce: choice.nonce }, of: row.id, nonce: choice.nonce });

  #retry = (row) => {
    const { id, text, value } = this.#log.pending(row.id);
    this.#post(id, text, value);
    this.#box.focus();
  };

  #person() {
    if (Date.now() - this.#asked < 3_000) return; // a double click asks once
    this.#asked = Date.now();
    this.#say(this.t("person"));
  }

  #starter(text) {
    this.#say(text);
    this.#box.focus(); // the pressed starter goes away, and the focus must not go with it
  }

  #skip(event) {
    event.preventDefault();
    this.#box.focus();
  }

  #submit(event) {
    event?.preventDefault();
    const text = this.draft.trim();
    if (!text || this.draft.length > LIMIT) return;
    this.draft = this.#box.value = "";
    this.#grow();
    this.#say(text);
    this.#box.focus();
  }

  #typed() {
    const before = this.draft.length;
    this.draft = this.#box.value;
    // A person at the other end sees that an answer is being written.
    if (this.#log.answering === "person" && this.draft && Date.now() - this.#typedAt > TYPING) {
      this.#typedAt = Date.now();
      this.connection.typing();
    }
    this.#grow();
    // The counter is read out once, when it begins to matter, not with every letter.
    if (before <= LIMIT && this.draft.length > LIMIT) this.notice = this.t("over", { n: this.#number(this.draft.length - LIMIT) });
  }

  #key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#submit(event);
  }

  #escape(event) {
    if (event.key !== "Escape") return;
    if (event.target === this.#box || !this.contains(event.target)) {
      if (EMBEDDED) window.parent.postMessage({ parley: "close" }, "*");
    } else {
      this.#box.focus();
    }
  }

  // What is seen ---------------------------------------------------------------------------------------------------

  get #box() {
    return this.querySelector("textarea");
  }

  get #scroller() {
    return this.querySelector(".log");
  }

  #grow() {
    const box = this.#box;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + 2}px`;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#stuck = scrollHeight - scrollTop - clientHeight < 80;
    this.#seen();
  }

  #seen() {
    if (this.#stuck && !document.hidden && this.unread) this.unread = 0;
    this.#title();
  }

  #title() {
    document.title = (document.hidden && this.unread ? `(${this.unread}) ` : "") + this.t("title");
  }

  #down() {
    this.#stuck = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.unread = 0;
  }

  firstUpdated() {
    document.getElementById("opening")?.remove();
    document.addEventListener("keydown", (event) => this.#escape(event));
    // Wherever the room changes (keyboard, picture, rotation), the newest message stays in view.
    new ResizeObserver(() => this.updated()).observe(this.#scroller);
  }

  updated() {
    if (this.#stuck && !this.#log.empty) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  render() {
    const { t, config: { brand, starters } } = this;
    const room = LIMIT - this.draft.length;
    return html`
      <a class="skip" href="#composer" @click=${this.#skip}>${t("skip")}</a>
      ${header({ t, brand, person: () => this.#person() })}
      <main class="middle">
        <div class="log" role="log" aria-live="polite" aria-label=${t("log")} aria-busy=${String(!this.ready)}
          tabindex="0" @scroll=${this.#scrolled}>
          ${intro({ t, brand, starters: this.ready && this.#log.empty ? starters : [], start: (text) => this.#starter(text) })}
          <div class="rows">${this.#rows()}</div>
          ${this.typing ? dots() : nothing}
          ${this.late ? html`<p class="late">${t("slow")}</p>` : nothing}
        </div>
        ${this.unread ? html`<button type="button" class="latest" @click=${this.#down}>${icon("down")}${t("latest")}</button>` : nothing}
        ${banner(this)}
      </main>
      <footer class="bottom">
        <form class="composer" id="composer" @submit=${this.#submit}>
          <label class="hidden" for="text">${t("composer")}</label>
          <textarea id="text" rows="1" placeholder=${t("placeholder")} enterkeyhint="send" autocomplete="off"
            aria-describedby="room" aria-invalid=${String(room < 0)} @input=${this.#typed} @keydown=${this.#key}></textarea>
          <button type="submit" class="send" aria-disabled=${String(room < 0 || !this.draft.trim())}>${icon("send")}<span class="hidden">${t("send")}</span></button>
        </form>
        ${counter({ t, room, near: NEAR, number: this.#number })}
        ${telephone({ t, brand })}
      </footer>
      <p class="hidden" role="status">${this.notice}</p>
    `;
  }

  #rows() {
    const options = {
      t: this.t, locale: this.config.locale, name: this.t("assistantName"), press: this.#press, retry: this.#retry,
      sameTab: narrow.matches && !EMBEDDED,
    };
    return repeat(this.#log.rows(), (row) => row.key, (row) => (row.kind === "day" ? day(row.at, options) : message(row, options)));
  }

  #number = (n) => new Intl.NumberFormat(this.config.locale).format(n);
}

customElements.define("parley-chat", ParleyChat);

if (CONFIG.dev && !EMBEDDED) import("./dev.js").then(({ open }) => open());
