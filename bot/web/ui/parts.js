// The parts of a message, as functions that give Lit templates: for the chat page and the agents' desk alike.
// Every text is set as text, never as HTML; styles are in parts.css.
import { html, nothing } from "./vendor/lit.min.js";

/** The address if it is one we open: https anywhere, http on our own host alone. Otherwise undefined. */
export function safeUrl(raw) {
  const url = URL.canParse(raw ?? "", location.href) ? new URL(raw, location.href) : undefined;
  return url && (url.protocol === "https:" || url.origin === location.origin) ? url.href : undefined;
}

/** Text with its https addresses made into links; everything else stays as it was written. */
export function linked(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(/https:\/\/[^\s<>"“”]+/g)) {
    const address = match[0].replace(/[.,;:!?'’)\]}]+$/, "");
    if (!URL.canParse(address)) continue;
    parts.push(text.slice(end, match.index));
    parts.push(html`<a href=${address} target="_blank" rel="noopener noreferrer nofollow">${address}</a>`);
    end = match.index + address.length;
  }
  return [...parts, text.slice(end)];
}

export function card({ title, text, rows = [], image }) {
  const picture = image && (image.startsWith("data:image/") || new URL(image, location.href).origin === location.origin);
  return html`<div class="card">
    ${picture ? html`<img class="card-image" src=${image} alt="">` : nothing}
    ${title ? html`<p class="card-title">${title}</p>` : nothing}
    ${text ? html`<p class="card-text">${linked(text)}</p>` : nothing}
    ${rows.length
      ? html`<dl class="card-rows">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
      : nothing}
  </div>`;
}

function file({ name, contentUrl, size }, { t, locale }) {
  const url = safeUrl(contentUrl);
  const about = size ? ` (${bytes(size, locale)})` : "";
  return url
    ? html`<a class="file" href=${url} download=${name ?? ""} rel="noopener">${icon("file")}<span>${name}<span class="file-size">${about}</span></span><span class="hidden">, ${t("download")}</span></a>`
    : html`<span class="file over">${icon("file")}<span>${name}<br><span class="file-size">${t("gone_file")}</span></span></span>`;
}

function link({ title, url, expired }, { t, spent, sameTab }) {
  const address = expired || spent ? undefined : safeUrl(url);
  if (!address) return html`<p class="link over"><span>${title}</span><span class="link-note">${t("expired")}</span></p>`;
  return sameTab
    ? html`<a class="link" href=${address}>${title}</a>`
    : html`<a class="link" href=${address} target="_blank" rel="noopener">${title}${icon("out")}<span class="hidden"> (${t("newTab")})</span></a>`;
}

/** One attachment by its content type; one of an unknown type shows nothing. */
export function attachment(one, options) {
  switch (one.contentType) {
    case "application/vnd.parley.card":
      return card(one.content);
    case "application/vnd.parley.items":
      return html`<ul class="items">${one.content.cards.map((item) => html`<li>${card(item)}</li>`)}</ul>`;
    case "application/vnd.parley.link":
      return link(one.content, options);
    default:
      return one.contentUrl ? file(one, options) : nothing;
  }
}

/** The answers to a question. Spent ones stay readable and focusable but do nothing; the chosen one is marked. */
export function choices(row, { t, press }) {
  if (!row.choices.length) return nothing;
  return html`<div class="choices" role="group" aria-label=${t("choices")}>
    ${row.choices.map(
      (choice) => html`<button
        type="button"
        class=${`choice${row.spent ? " spent" : ""}${choice.chosen ? " chosen" : ""}`}
        aria-disabled=${row.spent ? "true" : "false"}
        @click=${() => !row.spent && press?.(row, choice)}
      >${choice.chosen ? icon("tick") : nothing}${choice.title}${choice.chosen ? html`<span class="hidden"> (${t("chosen")})</span>` : nothing}</button>`,
    )}
  </div>`;
}

/** One message: who (always to screen readers, at the head of a run to the eye), what, and when. */
export function message(row, { t, locale, name, press, retry, sameTab }) {
  const who = row.who === "customer" ? t("you") : row.who === "system" ? t("system") : row.author || name;
  const state = row.who === "customer" ? row.state : undefined;
  return html`<div class=${`said ${row.who}${row.first ? " first" : ""}${row.last ? " last" : ""}${state ? ` ${state}` : ""}`}>
    <p class=${row.first && row.who !== "customer" && row.who !== "system" ? "who" : "hidden"}>${
      row.who === "person" ? icon("person") : nothing}${who}</p>
    ${row.text ? html`<p class="bubble">${linked(row.text)}</p>` : nothing}
    ${row.attachments.map((one) => attachment(one, { t, locale, sameTab, spent: row.spent }))}
    ${choices(row, { t, press })}
    ${state && state !== "sent"
      ? html`<p class="state">${state === "failed" || state === "refused" ? icon("warning") : nothing}<span>${t(state)}</span>${
          state === "failed" ? html` <button type="button" class="retry" @click=${() => retry?.(row)}>${t("again")}</button>` : nothing}</p>`
      : row.last && row.who !== "system"
        ? html`<p class="when"><time datetime=${row.at.toISOString()}>${clock(row.at, locale)}</time>${
            state === "sent" ? html`<span class="hidden">, ${t("sent")}</span>${icon("tick")}` : nothing}</p>`
        : nothing}
  </div>`;
}

/** The line that a new day begins with. */
export function day(at, { t, locale }) {
  const days = Math.round((new Date().setHours(12, 0, 0, 0) - new Date(at).setHours(12, 0, 0, 0)) / 86_400_000);
  const far = { weekday: "long", day: "numeric", month: "long", year: days > 300 ? "numeric" : undefined };
  const text = days === 0 ? t("today") : days === 1 ? t("yesterday") : new Intl.DateTimeFormat(locale, far).format(at);
  return html`<p class="day"><span>${text}</span></p>`;
}

function clock(at, locale) {
  return new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" }).format(at);
}

function bytes(size, locale) {
  const [unit, by] = size < 1_000_000 ? ["kilobyte", 1_000] : ["megabyte", 1_000_000];
  return new Intl.NumberFormat(locale, { style: "unit", unit, maximumFractionDigits: size < 1_000_000 ? 0 : 1 }).format(
    Math.max(size / by, 1),
  );
}

const PATHS = {
  tick: "M3.5 8.5 6.5 11.5 12.5 4.5",
  out: "M6 3.5H3.5v9h9V10M9 3h4v4M13 3 7.5 8.5",
  file: "M4 1.75h5l3.25 3.25v9.25H4zM9 1.75V5h3.25M6 8.5h4M6 11h4",
  warning: "M8 2 14.5 13.5h-13zM8 6.5v3.25M8 11.5v.25",
  person: "M8 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM3 13.5c.5-3 2.5-4.25 5-4.25s4.500 1.25 5 4.25",
  send: "M8 13V3.5M4 7.250 8 3.250 12 7.250",
  down: "M8 3v9.500M4 8.500 8 12.500 12 8.500",
};

/** A small line drawing in the colour of its text, unseen by screen readers. */
export function icon(name) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${PATHS[name]}></path></svg>`;
}
