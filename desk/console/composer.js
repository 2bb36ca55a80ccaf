// The message box: a reply or a private note, each with its own text and look; saved replies; one file.
import { html, live, nothing } from "/ui/vendor/lit.min.js";
import { icon } from "/ui/parts.js";
import { offered } from "./canned.js";
import { sign } from "./icons.js";
import { about, now } from "./time.js";

export const LIMIT = 4_000; // characters in one message
const phone = matchMedia("(max-width: 30rem)");
const NEAR = 500; // from here on the counter shows

export function composer(desk, does) {
  const { t, open: { draft, may, item, context, noteOnly } } = desk;
  if (!may.write && !noteOnly) {
    return may.claim
      ? html`<div class="composer"><div class="box"><p class="fine">${t("claimFirst")}</p>
          <button type="button" class="button main" @click=${() => does.claim()}>${t("claim")}</button></div></div>`
      : nothing;
  }
  const note = draft.mode === "note";
  const text = draft[draft.mode];
  const room = LIMIT - text.length;
  const shut = !note && context.window && context.window.state !== "open" && !context.window.human_agent;
  const canned = note ? undefined : offered(desk);
  const mode = (name, sign_) => html`<button type="button" class="mode" aria-pressed=${String(draft.mode === name)} data-mode=${name}
    @click=${() => does.mode(name)}>${sign_}${t(name)}</button>`;
  return html`<form class=${`composer ${draft.mode}`} @submit=${(event) => does.submit(event)}>
    <div class="modes" role="group" aria-label=${t("reply")}>
      ${noteOnly ? nothing : mode("reply", nothing)}${mode("note", sign("lock"))}
      <p class="to">${note ? t("noteTo") : replyTo(t, item, context.window)}</p>
    </div>
    ${canned ? list(desk, does, canned) : nothing}
    ${draft.file && !note
      ? html`<ul class="chips"><li>${icon("file")}${draft.file.id ? draft.file.name : t("attaching", draft.file)}
          <button type="button" @click=${() => does.detach()}>${sign("cross")}<span class="hidden">${t("remove", draft.file)}</span></button></li></ul>`
      : nothing}
    <div class="box">
      <label class="hidden" for="text">${t(note ? "noteLabel" : "replyLabel")}</label>
      <textarea id="text" rows="1" autocomplete="off" placeholder=${t(note ? "notePlace" : phone.matches ? "replyPlaceShort" : "replyPlace")} aria-describedby="under"
        .value=${live(text)} aria-invalid=${String(room < 0)} ?disabled=${shut}
        aria-autocomplete=${note ? nothing : "list"} aria-controls=${canned ? "canned" : nothing}
        aria-activedescendant=${canned?.replies.length ? `canned-${canned.at}` : nothing}
        @input=${(event) => does.typed(event)} @keydown=${(event) => does.key(event)} @paste=${(event) => does.pasted(event)}></textarea>
      ${note
        ? nothing
        : html`<label class="button round" title=${t("attach")}><input class="hidden" type="file" accept="image/png,image/jpeg,image/gif,image/webp,application/pdf,text/plain"
            ?disabled=${shut} @change=${(event) => does.attach(event)}>${sign("clip")}<span class="hidden">${t("attach")}</span></label>`}
      <button type="submit" class="button main" aria-disabled=${String(shut || room < 0 || (!text.trim() && !(draft.file?.id && !note)))}>${
        note ? sign("lock") : icon("send")}<span>${t(note ? "save" : "send")}</span></button>
    </div>
    <div class="under"><p class=${room < 0 ? "wrong" : room <= NEAR ? "fine" : "fine hint"} id="under">${
      room < 0 ? t("over", { n: -room }) : room <= NEAR ? t("left", { n: room }) : t(note ? "hintNote" : "hint")}</p></div>
  </form>`;
}

function replyTo(t, item, given) {
  const channel = t(item.channel);
  if (given?.state !== "open" || !given.closes_at) return t("replyTo", { channel });
  return t("replyToLeft", { channel, time: about((Date.parse(given.closes_at) - now()) / 1_000) });
}

function list({ t }, does, { replies, at }) {
  return html`<ul class="canned" id="canned" role="listbox" aria-label=${t("savedReplies")}>
    ${replies.length
      ? replies.map((one, index) => html`<li role="option" id=${`canned-${index}`} aria-selected=${String(index === at)}
          @mousedown=${(event) => event.preventDefault()} @click=${() => does.insert(one)}>
          <strong>/${one.shortcut}</strong> ${one.title}<p class="fine">${one.text}</p></li>`)
      : html`<li role="option" aria-selected="false" aria-disabled="true">${t("noReplies")}</li>`}
    <li role="option" aria-selected="false" @mousedown=${(event) => event.preventDefault()} @click=${() => does.replies()}>${t("manageReplies")}</li>
  </ul>`;
}
