// The panel beside the conversation: who it is, what they came for, where it stands, what was done.
import { html, nothing } from "/ui/vendor/lit.min.js";
import { suggestion } from "./offering.js";
import { upper } from "./words.js";
import { sign } from "./icons.js";
import { moment, pounds, span } from "./time.js";

export function context(desk, does) {
  const { t, open } = desk;
  if (!open?.ready) return html`<section class="info" aria-label=${t("context")}></section>`;
  const given = open.context;
  return html`<section class="info" aria-label=${t("context")} tabindex="0">
    <button type="button" class="button round shut only-narrow" @click=${() => does.details()}>${sign("cross")}<span class="hidden">${t("close")}</span></button>
    <section><h2>${t("summary")}</h2><ul class="summary">${given.summary.map((line) => html`<li>${line}</li>`)}</ul></section>
    ${who(desk, given)}
    ${powers(desk, does)}
    ${open.tasks.map((one) => dialog(desk, one))}
    ${trail(desk, given)}
    ${effects(desk, given)}
    ${failures(desk, given)}
    ${approvals(desk, given)}
    ${cases(desk, given)}
  </section>`;
}

function who({ t, config: { locale } }, { customer, conversations }) {
  const age = customer.age == null ? "" : t("ago", { time: span(customer.age) });
  return html`<section><h2>${t("who")}</h2><dl class="facts">
    ${customer.assurance === "anyone" && conversations.length < 2 ? nothing : html`<dt>${t("name")}</dt><dd>${customer.who}</dd>`}
    <dt>${t("assurance")}</dt><dd>${t(customer.assurance)}${age ? `, ${age}` : ""}</dd>
    ${conversations.length > 1
      ? html`<dt>${t("channels")}</dt><dd>${conversations.map((one) => html`${t(one.channel)}, <span class="fine">${moment(one.last_at, locale)}</span><br>`)}</dd>`
      : nothing}
  </dl></section>`;
}

/** What this agent can do besides writing. */
function powers(desk, does) {
  const { t, me, open } = desk;
  if (!open.may.write) return nothing;
  const offer = suggestion(desk);
  return html`<section><h2>${t("act")}</h2><div class="acts">
    ${offer ? html`<button type="button" class="button" @click=${() => does.offer()}>${t("offerOne", { title: upper(offer.title) })}</button>` : nothing}
    ${me.acts.map((act) => html`<button type="button" class="button" @click=${() => does.act(act.id)}>${act.title}</button>`)}
  </div></section>`;
}

function dialog({ t }, { title, step, question, answers }) {
  return html`<section><h2>${t("openDialog")}</h2><p><strong>${upper(title)}</strong></p><dl class="facts">
    ${step ? html`<dt>${t("step")}</dt><dd>${step}</dd>` : nothing}
    ${question ? html`<dt>${t("question")}</dt><dd>${question}</dd>` : nothing}
    ${answers.map(({ name, value }) => html`<dt>${name}</dt><dd>${value}</dd>`)}
  </dl></section>`;
}

function trail({ t, me, config: { locale } }, given) {
  const title = (intent) => me.dialogs.find((one) => one.id === intent)?.title
    ?? (intent === "human" || intent === "stop" ? t(intent) : upper(intent.replaceAll("_", " ")));
  return html`<section><h2>${t("trail")}</h2>${given.trail.length
    ? html`<ol class="trail">${given.trail.map(({ at, intent, text }) => html`<li><span>${intent ? title(intent) : "?"}
        ${text ? html`<span class="fine">“${text}”</span>` : nothing}</span><time datetime=${at}>${moment(at, locale)}</time></li>`)}</ol>`
    : html`<p class="fine">${t("noTrail")}</p>`}</section>`;
}

const STATUS = { done: "done", failed: "effectFailed", unknown: "unknown", intent: "intent" };

function effects(desk, given) {
  const { t, config: { locale } } = desk;
  const named = (name) => name.startsWith("desk.") ? desk.actTitle(name.slice(5)) : name.replace(".", ": ").replaceAll("_", " ");
  return html`<section><h2>${t("effects")}</h2>${given.effects.length
    ? html`<ul class="trail">${given.effects.map(({ at, function: name, status, reference, by, reason }) => html`<li><span>${named(name)}
        <span class=${`tag ${status === "done" ? "good" : status === "intent" ? "" : "hot"}`}>${t(STATUS[status] ?? status)}</span>
        <span class="fine">${[reference, by === "bot" ? t("byBot") : t("by", { name: by }), reason].filter(Boolean).join(", ")}</span></span>
        <time datetime=${at}>${moment(at, locale)}</time></li>`)}</ul>`
    : html`<p class="fine">${t("noEffects")}</p>`}</section>`;
}

function failures({ t, config: { locale } }, { failed }) {
  if (!failed.length) return nothing;
  return html`<section><h2>${t("attempts")}</h2><ul class="trail">${failed.map(({ at, what }) => html`<li><span>${what}</span>
    <time datetime=${at}>${moment(at, locale)}</time></li>`)}</ul></section>`;
}

function approvals(desk, given) {
  const { t, config: { locale } } = desk;
  if (!given.approvals?.length) return nothing;
  const state = (one) => one.state === "waiting" ? t("waitsApproval")
    : t(one.state === "approved" ? "stateApproved" : "stateDeclined", { name: one.decided_by?.name ?? one.decided_by ?? "" });
  return html`<section><h2>${t("approvals")}</h2><ul class="trail">${given.approvals.map((one) => html`<li>
    <span>${desk.actTitle(one.act)}${one.amount != null ? `, ${pounds(one.amount, locale)}` : ""}<br><span class="fine">${one.reason}</span></span>
    <span class=${`tag ${one.state === "approved" ? "good" : ""}`}>${one.state === "waiting" ? sign("clock") : nothing}${state(one)}</span></li>`)}</ul></section>`;
}

function cases({ t, open: { item }, config: { locale } }, { cases: all }) {
  const earlier = all.filter((one) => one.reference !== item.reference);
  if (!earlier.length) return nothing;
  return html`<section><h2>${t("earlierCases")}</h2><ul class="trail">${earlier.map(({ reference, reason_label, opened, closed }) => html`<li>
    <span>${reason_label}<br><span class="fine">${reference}${closed ? "" : `, ${t("stillOpen")}`}</span></span><time datetime=${opened}>${moment(opened, locale)}</time></li>`)}</ul></section>`;
}
