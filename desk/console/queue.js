// The queue: who is with us, who waits, and since when. Its order is the server's: urgency and waiting time alone.
import { html, nothing, repeat } from "/ui/vendor/lit.min.js";
import { icon } from "/ui/parts.js";
import { sign } from "./icons.js";
import { moment, now, pounds, since, span } from "./time.js";

const LONG = 300; // seconds after which a waiting time stands out

export function queue(desk, does) {
  const { t, queue: { mine, waiting, snoozed, others }, me: { agent }, config: { locale } } = desk;
  const own = desk.queue.approvals ?? [];
  const part = (name, items) => items.length
    ? html`<section><h2>${t(name)}<span>${items.length}</span></h2>
        <ul>${repeat(items, (item) => item.case, (item) => html`<li>${row(desk, item)}</li>`)}</ul></section>`
    : nothing;
  return html`<nav class="queue" aria-label=${t("queue")}>
    ${own.length
      ? html`<section><h2>${t("toApprove")}<span>${own.length}</span></h2><ul>${own.map((one) => html`<li>
          <button type="button" class="item" @click=${() => does.approval(one)}>
            <strong>${desk.actTitle(one.act)}</strong><span class="wait">${one.amount != null ? pounds(one.amount, locale) : ""}</span>
            <span class="fine">${t("approvalBy", { name: one.by.name, time: span(since(one.asked_at)) })}</span>
          </button></li>`)}</ul></section>`
      : nothing}
    ${part("mine", mine)}
    ${part("waiting", waiting)}
    ${waiting.length || mine.length ? nothing : quiet(desk, agent)}
    ${part("snoozed", snoozed)}
    ${part("others", others)}
  </nav>`;
}

function quiet({ t, me: { hours }, config: { locale } }, agent) {
  const closed = hours && !hours.open && hours.next;
  return html`<div class="kind">${sign("cup")}<h2>${t("quiet")}</h2>
    <p>${agent.presence === "away" ? t("quietAway") : t("quietMore")}</p>
    ${closed ? html`<p class="fine">${t("closedNow", { next: moment(hours.next, locale) })}</p>` : nothing}</div>`;
}

const SIDES = { customer: "sideCustomer", agent: "sideAgent", bot: "sideBot" };

function row(desk, item) {
  const { t, open, config: { locale } } = desk;
  const waited = since(item.since);
  const time = item.state === "waiting"
    ? html`<span class=${`wait${item.at_risk || waited > LONG ? " long" : ""}`}><span class="hidden">${t("waiting")} </span>${span(waited)}</span>`
    : item.last
      ? html`<span class="wait">${moment(item.last.at, locale)}</span>`
      : nothing;
  const shut = item.holder && !item.mine && item.state !== "waiting" && desk.me.agent.role !== "lead";
  // A colleague's conversation is theirs and the leads' to read.
  if (shut) return html`<div class="item shut"><strong>${item.reason_label}</strong>${time}<span class="fine">${item.who}, ${t(item.channel)}</span>${tags(desk, item)}</div>`;
  return html`<button type="button" class="item" data-case=${item.case} aria-current=${open?.id === item.case ? "true" : "false"}
    @click=${() => desk.go(`case/${item.case}`)}>
    <strong>${item.unread && item.mine ? html`<span class="unread" aria-hidden="true">${item.unread}</span><span class="hidden">${
      item.unread === 1 ? t("unreadOne") : t("unread", { n: item.unread })}. </span>` : nothing}${item.reason_label}</strong>
    ${time}
    <span class="fine">${item.who}, ${t(item.channel)}</span>
    ${item.last ? html`<span class="fine">${t(SIDES[item.last.side] ?? "")}${item.last.text}</span>` : nothing}
    ${tags(desk, item)}
  </button>`;
}

function tags({ t, me: { agent }, config: { locale } }, item) {
  const shown = [];
  if (item.urgency >= 2) shown.push(html`<span class="tag hot">${icon("warning")}${t(item.urgency >= 3 ? "atOnce" : "urgent")}</span>`);
  if (item.at_risk && item.state === "waiting") shown.push(html`<span class="tag hot">${t("atRisk")}</span>`);
  if (item.offered_to && item.state === "waiting") {
    const mine = item.offered_to.id === agent.id;
    shown.push(html`<span class=${`tag${mine ? " good" : ""}`}>${mine ? t("forYou") : t("forOther", { name: item.offered_to.name })}</span>`);
  }
  if (item.skill) shown.push(html`<span class="tag">${item.skill}</span>`);
  if (item.language && item.language !== "en") shown.push(html`<span class="tag">${language(item.language, locale)}</span>`);
  if (item.state === "snoozed" && item.snoozed_until && Date.parse(item.snoozed_until) > now()) {
    shown.push(html`<span class="tag">${sign("clock")}${t("until", { time: moment(item.snoozed_until, locale) })}</span>`);
  }
  if (item.holder && !item.mine) shown.push(html`<span class="tag">${t("with", { name: item.holder.name })}</span>`);
  const viewers = item.viewers.filter((one) => one.id !== agent.id);
  if (viewers.length) shown.push(html`<span class="tag note">${sign("eye")}${viewers.map((one) => one.name).join(", ")}</span>`);
  return shown.length ? html`<span class="tags">${shown}</span>` : nothing;
}

function language(code, locale) {
  return new Intl.DisplayNames(locale, { type: "language" }).of(code);
}
