// The bar on top: where we are, the agent's status, notifications, keys; and on phones the tabs at the foot.
import { html, nothing } from "/ui/vendor/lit.min.js";
import { sign } from "./icons.js";

export function bar(desk, does) {
  const { t, me, page, config: { brand } } = desk;
  const { agent } = me;
  const at = page === "figures" ? "figures" : "queue";
  const place = (name, text) => html`<a class="button plain" href=${name === "queue" ? "#" : `#${name}`} aria-current=${at === name ? "page" : nothing}>${text}</a>`;
  return html`<header class="bar">
    ${brand.logo ? html`<img src=${brand.logo} alt="" width="32" height="32">` : nothing}
    <p class="name">${t("desk")}</p>
    <nav aria-label=${t("desk")}>
      ${agent.role === "lead" ? html`${place("queue", t("conversations"))}${place("figures", t("figures"))}` : nothing}
    </nav>
    ${bell(desk, does)}
    <button type="button" class="button plain round" @click=${() => does.help()} title=${t("keys")}>
      <kbd aria-hidden="true">?</kbd><span class="hidden">${t("keys")}</span>
    </button>
    <label class=${`status ${agent.presence}`}>
      <span class="hidden">${t("presence")}</span>
      <select .value=${agent.presence} @change=${(event) => does.presence(event.target.value)}>
        ${["available", "wrapping_up", "away"].map((one) => html`<option value=${one} ?selected=${one === agent.presence}>${t(one)}</option>`)}
      </select>
    </label>
    <span class="me"><strong>${agent.name}</strong>${t(agent.role)}, ${t("load", agent)}</span>
    <button type="button" class="button plain wide" @click=${() => does.signOut()}>${t("signOut")}</button>
  </header>`;
}

function bell({ t, notifier }, does) {
  if (notifier.permission === "granted" || notifier.permission === "missing") return nothing;
  const denied = notifier.permission === "denied";
  return html`<button type="button" class="button plain round" title=${t(denied ? "notificationsDenied" : "notificationsOn")}
    @click=${() => does.notifications()}>${sign("bell")}<span class="hidden">${t(denied ? "notificationsDenied" : "notificationsOn")}</span></button>`;
}

/** Phones show one pane at a time. */
export function tabs({ t, page, open, queue, me: { agent } }) {
  const waiting = queue.waiting.length + queue.mine.reduce((sum, item) => sum + item.unread, 0);
  const tab = (name, place, text, there = true) => html`<button type="button" class="tab" aria-current=${page === name ? "true" : "false"}
    aria-disabled=${String(!there)} @click=${() => there && (location.hash = place)}>${text}</button>`;
  return html`<nav class="tabs" aria-label=${t("panes")}>
    ${tab("queue", "", `${t("queueTab")}${waiting ? ` (${waiting})` : ""}`)}
    ${tab("talk", `case/${open?.id}`, t("talkTab"), Boolean(open))}
    ${tab("info", `case/${open?.id}/details`, t("details"), Boolean(open))}
    ${agent.role === "lead" ? tab("figures", "figures", t("figures")) : nothing}
  </nav>`;
}

/** Nobody is signed in, or not any more. */
export function door({ t, me, config: { brand } }) {
  return html`<main class="door">
    ${brand.logo ? html`<img src=${brand.logo} alt="" width="64" height="64">` : nothing}
    <h1>${me ? t("signedOut") : t("desk")}</h1>
    ${me
      ? html`<p>${t("signedOutMore")}</p><p><a class="button main" href="/desk/login" target="_blank" rel="noopener">${t("signIn")}</a></p>`
      : html`<p><a class="button main" href="/desk/login">${t("signIn")}</a></p>`}
  </main>`;
}
