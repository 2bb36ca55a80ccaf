// The lead's page: what is going on now, how long people waited, by reason, channel and tariff; what waits for approval.
import { html, nothing } from "/ui/vendor/lit.min.js";
import { pounds, since, span } from "./time.js";

const RANGES = [[8, "hours", 8], [24, "hours", 24], [168, "days", 7], [720, "days", 30]];
const NAMES = { reason: "byReason", channel: "byChannel", tariff: "byTariff" };

export function lead(desk, does) {
  const { t, figures } = desk;
  if (!figures) return html`<main class="figures" id="talk" aria-busy="true"><h1>${t("figuresTitle")}</h1></main>`;
  const { groups, now, agents, hours } = figures;
  const all = groups.find((one) => one.by === "all");
  return html`<main class="figures" id="talk" tabindex="-1">
    <h1>${t("figuresTitle")}</h1>
    <div class="acts" role="group" aria-label=${t("figuresTitle")}>${RANGES.map(([length, unit, n]) => html`<button type="button" class="button"
      aria-pressed=${String(length === hours)} @click=${() => does.range(length)}>${t(unit, { n })}</button>`)}</div>
    <dl class="tiles">
      ${tile(t("figWaiting"), now.waiting)}${tile(t("figHeld"), now.held)}${tile(t("figAvailable"), now.available)}
      ${tile(t("figLongest"), now.longest_wait ? span(now.longest_wait) : "–")}
    </dl>
    ${all?.handoffs ? overall(t, all) : html`<p class="kind">${t("noFigures")}</p>`}
    ${approvals(desk, does)}
    ${["reason", "channel", "tariff"].map((by) => table(desk, by, groups.filter((one) => one.by === by)))}
    ${team(t, agents)}
  </main>`;
}

function tile(name, value, more = "") {
  return html`<div class="tile"><dt>${name}</dt><dd>${value}</dd>${more ? html`<dd class="fine">${more}</dd>` : nothing}</div>`;
}

const time = (seconds) => (seconds == null ? "–" : span(seconds));
const mean = (csat) => (csat?.mean == null ? "–" : `${csat.mean.toFixed(1)} / 5`);

function overall(t, all) {
  const timed = (name, key) => tile(t(name), time(all[`${key}_p50`]), all[`${key}_p90`] == null ? "" : t("figP", { time: time(all[`${key}_p90`]) }));
  return html`<dl class="tiles">
    ${timed("figWait", "waiting")}${timed("figFirst", "first_response")}${timed("figResolution", "resolution")}
    ${tile(t("figHandoffs"), all.handoffs)}${tile(t("figResolved"), all.resolved)}${tile(t("figReturned"), all.returned)}
    ${tile(t("figRe"), all.rehandoffs)}${tile(t("figAbandoned"), all.abandoned)}
    ${tile(t("figCsat"), mean(all.csat), t("figCsatMore", all.csat ?? { asked: 0, answered: 0 }))}
  </dl>`;
}

function table({ t, me }, by, rows) {
  if (!rows.length) return nothing;
  const name = (row) => (by === "reason" ? (me.reasons[row.name] ?? row.name) : by === "channel" ? t(row.name) : row.name || t("none"));
  return html`<h2 id=${`by-${by}`}>${t(NAMES[by])}</h2>
    <div class="table" tabindex="0" role="region" aria-labelledby=${`by-${by}`}><table>
      <thead><tr><th scope="col">${t("name")}</th><th scope="col">${t("figHandoffs")}</th><th scope="col">${t("figWait")}</th><th scope="col">${t("figFirst")}</th>
        <th scope="col">${t("figResolution")}</th><th scope="col">${t("figReturned")}</th><th scope="col">${t("figRe")}</th>
        <th scope="col">${t("figAbandoned")}</th><th scope="col">${t("figCsat")}</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr><th scope="row">${name(row)}</th><td>${row.handoffs}</td><td>${time(row.waiting_p50)}</td><td>${time(row.first_response_p50)}</td>
        <td>${time(row.resolution_p50)}</td><td>${row.returned}</td><td>${row.rehandoffs}</td><td>${row.abandoned}</td><td>${mean(row.csat)}</td></tr>`)}</tbody>
    </table></div>`;
}

function approvals(desk, does) {
  const { t, queue, config: { locale } } = desk;
  const waiting = queue.approvals ?? [];
  return html`<h2>${t("toApprove")}</h2>${waiting.length
    ? html`<ul class="approvals">${waiting.map((one) => html`<li><div><p><strong>${desk.actTitle(one.act)}${one.amount != null ? `, ${pounds(one.amount, locale)}` : ""}</strong></p>
        <p>${one.reason}</p><p class="fine">${t("approvalBy", { name: one.by.name, time: span(since(one.asked_at)) })}</p></div>
        <button type="button" class="button" @click=${() => does.approval(one)}>${t("approve")} / ${t("decline")}</button></li>`)}</ul>`
    : html`<p class="fine">${t("nothingToApprove")}</p>`}`;
}

function team(t, agents) {
  return html`<h2 id="by-agent">${t("team")}</h2>
    <div class="table" tabindex="0" role="region" aria-labelledby="by-agent"><table>
      <thead><tr><th scope="col">${t("name")}</th><th scope="col">${t("status")}</th><th scope="col">${t("loadHead")}</th>
        <th scope="col">${t("heldToday")}</th><th scope="col">${t("resolvedToday")}</th></tr></thead>
      <tbody>${agents.map((one) => html`<tr><th scope="row">${one.name}</th><td>${t(one.presence)}</td><td>${one.load}</td>
        <td>${one.held_today}</td><td>${one.resolved_today}</td></tr>`)}</tbody>
    </table></div>`;
}
