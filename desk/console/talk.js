// The open conversation: its head, what stands in the way, and its lines.
import { html, nothing, repeat } from "/ui/vendor/lit.min.js";
import { attachment, card, day, icon, linked } from "/ui/parts.js";
import { composer } from "./composer.js";
import { sign } from "./icons.js";
import { clock, moment, now, since, span } from "./time.js";

export function talk(desk, does) {
  const { t, open } = desk;
  if (!open) {
    return html`<section class="talk" id="talk" aria-label=${t("talkTab")}><div class="kind">${sign("talk")}<h2>${t("choose")}</h2>
      <p>${t(desk.prefs.singleKeys ? "chooseMore" : "chooseMouse")}</p></div></section>`;
  }
  if (!open.ready) return html`<section class="talk" id="talk" aria-label=${t("talkTab")} aria-busy="true"><p class="kind">${t("loading")}</p></section>`;
  return html`<section class="talk" id="talk" aria-label=${t("talkTab")}>
    ${head(desk, does)}
    <div class="notices"><div role="status">${notices(desk)}</div>${windowNotice(t, open.context.window, t(open.item.channel))}</div>
    <div class="log" role="log" aria-live="polite" aria-label=${t("log")} tabindex="0" @scroll=${() => does.scrolled()}>
      ${open.more ? html`<p class="kind"><button type="button" class="button" @click=${() => does.earlier()}>${t("earlier")}</button></p>` : nothing}
      ${rows(desk, does)}
      <p class="typing-line" aria-hidden=${String(!open.typing)}>${typing(desk)}</p>
    </div>
    ${composer(desk, does)}
  </section>`;
}

function typing({ t, open }) {
  if (!open.typing) return nothing;
  return open.typing.who === "customer" ? t("customerTypes") : t("otherTypes", { name: open.typing.name });
}

// Head -------------------------------------------------------------------------------------------------------------

function head(desk, does) {
  const { t, open: { item, may }, config: { locale } } = desk;
  const button = (name, key, text, run, extra = "") => html`<button type="button" class=${`button ${extra}`} data-does=${name}
    @click=${run} aria-keyshortcuts=${desk.prefs.singleKeys ? key : nothing}>${t(text)}${desk.prefs.singleKeys ? html`<kbd aria-hidden="true">${key}</kbd>` : nothing}</button>`;
  const acts = [];
  if (may.claim) acts.push(button("claim", "c", "claim", () => does.claim(), "main"));
  if (may.write) {
    acts.push(button("offer", "o", "offer", () => does.offer()));
    acts.push(button("back", "b", "toBot", () => does.back()));
    acts.push(button("resolve", "e", "resolve", () => does.resolve()));
    acts.push(button("transfer", "t", "transfer", () => does.transfer()));
    acts.push(button("snooze", "z", "snooze", () => does.snooze()));
  } else if (item.state === "snoozed" && item.mine) {
    acts.push(button("wake", "z", "wake", () => does.wake(), "main"));
  }
  return html`<header class="talk-head">
    <button type="button" class="button plain round only-phone" @click=${() => desk.go("")}>${sign("back")}<span class="hidden">${t("queue")}</span></button>
    <div class="about">
      <h2 tabindex="-1">${item.reason_label}</h2>
      <p class="fine">${item.who}, ${t(item.channel)}, ${item.reference}, ${
        item.state === "waiting" ? t("waited", { time: span(since(item.since)) }) : t("sinceTime", { time: moment(item.since, locale) })}</p>
    </div>
    <div class="doing">${acts}
      <button type="button" class="button only-narrow" @click=${() => does.details()} aria-expanded=${String(desk.page === "info")}>${t("details")}</button>
    </div>
  </header>`;
}

/** What an agent has to know before writing: who else is here, and whether a reply can go out at all. */
function notices(desk) {
  const { t, me: { agent }, open: { item, may }, net, config: { locale } } = desk;
  const shown = [];
  if (net === "lost") shown.push(html`<p class="notice bad">${icon("warning")}<span>${t("reconnecting")}</span></p>`);
  const others = item.viewers.filter((one) => one.id !== agent.id);
  const writer = others.find((one) => one.typing);
  if (writer) {
    shown.push(html`<p class="notice note collision">${sign("eye")}<span>${t("writes", { name: writer.name })}</span></p>`);
  } else if (others.length) {
    const names = new Intl.ListFormat(locale).format(others.map((one) => one.name));
    shown.push(html`<p class="notice note collision">${sign("eye")}<span>${t(others.length > 1 ? "look" : "looks", { names })}</span></p>`);
  }
  if (!may.write && !may.claim && !item.mine && (may.why || item.holder)) {
    shown.push(html`<p class="notice"><span>${may.why || t("held", { name: item.holder.name })}</span></p>`);
  }
  if (item.state === "snoozed") {
    shown.push(html`<p class="notice">${sign("clock")}<span>${t("snoozedUntil", { time: moment(item.snoozed_until, locale) })}</span></p>`);
  }
  return shown;
}

const SOON = 4 * 3_600_000; // ms; less time than this to reply stands out

/** The platform's own rule on late replies, as a countdown. */
function windowNotice(t, given, channel) {
  const left = (iso) => span((Date.parse(iso) - now()) / 1_000);
  if (!given) return nothing;
  if (given.state === "open") {
    // Plenty of time is said quietly, beside the message box.
    return given.closes_at && Date.parse(given.closes_at) - now() < SOON
      ? html`<p class="notice">${sign("clock")}<span>${t("windowLeft", { channel, time: left(given.closes_at) })}</span></p>`
      : nothing;
  }
  if (given.human_agent) {
    return html`<p class="notice note">${sign("clock")}<span>${t("windowHuman", { channel, time: left(given.human_agent_until) })}</span></p>`;
  }
  return html`<p class="notice bad">${icon("warning")}<span>${t(given.state === "closed" ? "windowClosed" : "windowTemplate", { channel })}</span></p>`;
}

// Lines ------------------------------------------------------------------------------------------------------------

function rows(desk, does) {
  const { t, open, config: { locale } } = desk;
  const one = (row) => row.kind === "day" ? day(row.at, { t, locale })
    : row.kind === "crossing" ? html`<p class="crossing">${t("on", { channel: t(row.channel) })}</p>`
    : said(desk, does, row);
  return repeat(open.log.rows(), (row) => row.key, one);
}

function said(desk, does, row) {
  const { t } = desk;
  if (row.who === "system" || row.what === "event") {
    return html`<div class="said system"><p class="bubble"><span class="hidden">${t("system")}: </span>${row.text}</p></div>`;
  }
  const withheld = ["withheld", "superseded", "expired"].includes(row.status) || row.what === "withheld";
  return html`<div class=${`said ${row.who}${row.first ? " first" : ""}${row.last ? " last" : ""}${withheld ? " withheld" : ""}`}>
    <p class=${row.first ? "who" : "hidden"}>${speaker(desk, row)}</p>
    ${row.text ? html`<p class="bubble">${row.what === "press" ? html`<span class="hidden">${t("pressed")}: </span>` : nothing}${linked(row.text)}</p>` : nothing}
    ${[row.card, ...(row.cards ?? [])].filter(Boolean).map((each) => card(each))}
    ${row.file ? file(desk, row.file) : nothing}
    ${row.link ? html`<p class="fine">${t("linkShown", { label: row.link })}</p>` : nothing}
    ${row.choices?.length
      ? html`<ul class="choices" aria-label=${t("choicesShown")}>${row.choices.map((label) => html`<li class="choice spent">${label}</li>`)}</ul>`
      : nothing}
    ${state(desk, does, row, withheld)}
  </div>`;
}

function speaker({ t }, row) {
  const name = row.mine ? t("youSaid") : row.author;
  if (row.who === "private") return html`${sign("lock")}${t("privateNote")}${name ? `, ${name}` : ""}: ${t("privateNoteMore")}`;
  if (row.who === "person") return html`${icon("person")}${name || t("agent")}`;
  return t(row.who === "bot" ? "bot" : "customer");
}

function file({ t, config: { locale } }, { name, type, size, url, state }) {
  if (state === "refused") return html`<p class="fine">${icon("warning")} ${name}: ${t("refused_file")}</p>`;
  const picture = url && /^image\/(png|jpeg|gif|webp)$/.test(type);
  return html`${picture ? html`<img class="card-image" src=${url} alt="" loading="lazy">` : nothing}
    ${attachment({ contentType: type, contentUrl: url ?? "", name, size }, { t, locale }) === nothing
      ? html`<p class="fine">${icon("file")} ${name}</p>`
      : attachment({ contentType: type, contentUrl: url ?? "", name, size }, { t, locale })}`;
}

/** Whether it went out, and the platform's own reason where it did not. */
function state({ t, config: { locale } }, does, row, withheld) {
  if (row.state === "failed") {
    return html`<p class="state bad">${icon("warning")}<span>${t("failed")} ${row.reason ?? ""}</span>
      <button type="button" class="retry" @click=${() => does.retry(row.key)}>${t("again")}</button>
      <button type="button" class="retry" @click=${() => does.discard(row.key)}>${t("discard")}</button></p>`;
  }
  if (row.state === "sending") return html`<p class="state">${t("sending")}</p>`;
  if (withheld) return html`<p class="state">${sign("struck")}<span>${t(row.what === "withheld" ? "withheld" : row.status)}${row.reason ? html`. ${row.reason}` : nothing}</span></p>`;
  if (row.status === "dead") return html`<p class="state bad">${icon("warning")}<span>${t("dead")}${row.reason ? html`: ${row.reason}` : nothing}</span></p>`;
  if (row.status === "queued" || row.status === "sending") return html`<p class="state">${sign("clock")}<span>${t("queued")}${row.reason ? html`: ${row.reason}` : nothing}</span></p>`;
  if (!row.last) return nothing;
  const at = html`<time datetime=${row.at.toISOString()}>${clock(row.at, locale)}</time>`;
  return row.mine && row.status === "sent"
    ? html`<p class="when">${at}<span class="hidden">, ${t("sent")}</span>${icon("tick")}</p>`
    : html`<p class="when">${at}</p>`;
}
