// What stands around the conversation: header, welcome, state of the connection, room left, telephone. Templates alone.
import { html, nothing } from "/ui/vendor/lit.min.js";
import { icon } from "/ui/parts.js";

export function header({ t, brand, person }) {
  return html`<header class="top">
    ${brand.logo ? html`<img class="logo" src=${brand.logo} alt="" width="40" height="40">` : nothing}
    <div class="name"><h1>${brand.name}</h1><p>${t("assistant")}</p></div>
    <button type="button" class="person" @click=${person} title=${[brand.phone, brand.hours].filter(Boolean).join(", ") || nothing}>
      ${icon("person")}<span>${t("person")}</span>
    </button>
  </header>`;
}

/** Who answers, what is kept and the small print; the starters only while nothing has been said. */
export function intro({ t, brand, starters, start }) {
  return html`<section class="intro" aria-label=${t("assistant")}>
    <h2>${t("welcome")}</h2>
    <p>${t("intro")}</p>
    <p class="kept">${t("kept")}</p>
    ${starters.length
      ? html`<div class="choices" role="group" aria-label=${t("starters")}>
          ${starters.map((text) => html`<button type="button" class="choice" @click=${() => start(text)}>${text}</button>`)}
        </div>`
      : nothing}
    ${(brand.legal ?? "").split("\n").filter(Boolean).map((line) => html`<p class="legal">${line}</p>`)}
  </section>`;
}

export function dots() {
  return html`<div class="said bot first last typing" aria-hidden="true"><p class="bubble dots"><i></i><i></i><i></i></p></div>`;
}

const SHOWN = { reconnecting: "reconnecting", busy: "busy", gone: "gone", back: "online" };

/** The state of the connection, where there is something to say about it: opening, reconnecting, busy, gone, back. */
export function banner({ t, net, ready }) {
  const shown = SHOWN[net];
  return html`<p class=${`banner ${shown ? net : ""}`} role="status">${shown ? t(shown) : ready ? "" : t("opening")}</p>`;
}

/** How many characters are left, once it matters. */
export function counter({ t, room, near, number }) {
  const text = room < 0 ? t("over", { n: number(-room) }) : room <= near ? t("left", { n: number(room) }) : nothing;
  return html`<p class=${`room${room < 0 ? " over" : ""}`} id="room">${text}</p>`;
}

export function telephone({ t, brand }) {
  if (!brand.phone) return nothing;
  return html`<p class="call">${t("call")} <a href=${`tel:${brand.phone.replace(/[^+\d]/g, "")}`}>${brand.phone}</a>${
    brand.hours ? html`<span>, ${brand.hours}</span>` : nothing}</p>`;
}
