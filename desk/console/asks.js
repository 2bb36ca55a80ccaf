// The small windows: each asks what an action needs, shows what the customer will read, and is left with Escape.
import { html, nothing } from "/ui/vendor/lit.min.js";
import { KEYS } from "./keys.js";
import { pounds, since, span } from "./time.js";
import { upper } from "./words.js";

/** The open window's content, or nothing. `ask` is {kind, …what is filled in}. */
export function asking(desk, does) {
  const { ask } = desk;
  return ask ? WINDOWS[ask.kind](desk, does, ask) : nothing;
}

const set = (does, name) => (event) => does.fill({ [name]: event.target.type === "checkbox" ? event.target.checked : event.target.value });

function frame({ t, ask }, does, title, body, { run, text, main = "main", disabled = false, more = nothing } = {}) {
  return html`<form method="dialog" @submit=${(event) => {
      event.preventDefault();
      if (run && !disabled && !ask.busy) run();
    }}>
    <h2 id="ask-title">${title}</h2>
    ${body}
    ${ask.error ? html`<p class="wrong" role="alert">${ask.error}</p>` : nothing}
    <div class="ends">
      ${more}
      <button type="button" class="button" @click=${() => does.shut()}>${t(run ? "cancel" : "close")}</button>
      ${run ? html`<button type="submit" class=${`button ${main}`} aria-disabled=${String(disabled || Boolean(ask.busy))} ?autofocus=${ask.ready}>${text}</button>` : nothing}
    </div>
  </form>`;
}

function option(does, ask, name, value, text, more = "", disabled = false) {
  return html`<label class="option"><input type="radio" name=${name} value=${value} .checked=${ask[name] === value} ?disabled=${disabled}
    @change=${() => does.fill({ [name]: value })}><span>${text}</span>${more ? html`<span class="fine">${more}</span>` : nothing}</label>`;
}

function field(t, id, label, input) {
  return html`<div class="field"><label class="label" for=${id}>${label}</label>${input}</div>`;
}

/** The very line that the customer will read, and the question that follows it. */
function preview(t, line, then) {
  if (!line) return nothing;
  return html`<div><p class="label">${t("backReads")}</p><p class="preview" data-preview>${line}</p>${
    then ? html`<p class="preview then">${then}</p>` : nothing}</div>`;
}

const text = (does, ask, name, rows = 2) =>
  html`<textarea id=${`ask-${name}`} rows=${rows} maxlength="2000" .value=${ask[name] ?? ""} @input=${set(does, name)}></textarea>`;

const WINDOWS = {
  /** A reply that looks like a note, or follows one. */
  sure: (desk, does, ask) => frame(desk, does, desk.t("sure"), html`<p>${desk.t("sureMore")}</p><p class="preview">${ask.text}</p>`, {
    run: () => does.sendSure(), text: desk.t("sureSend"), main: "danger",
    more: html`<button type="button" class="button" @click=${() => does.asNote()}>${desk.t("sureNote")}</button>`,
  }),

  resolve: (desk, does, ask) => {
    const { t, open: { item, context } } = desk;
    return frame(desk, does, t("resolveTitle", item), html`
      <fieldset><legend class="hidden">${t("resolve")}</legend>
        ${option(does, ask, "how", "ask", t("resolveAsk"))}
        ${option(does, ask, "how", "silent", t("resolveSilent"), t("resolveSilentMore"))}
        ${option(does, ask, "how", "spam", t("resolveSpam"), t("resolveSpamMore"))}
      </fieldset>
      ${ask.how === "ask" ? preview(t, context.return_lines?.resolve) : nothing}
      ${field(t, "ask-note", t("resolveNote"), text(does, ask, "note"))}`, { run: () => does.doResolve(), text: t("resolve") });
  },

  snooze: (desk, does, ask) => {
    const { t } = desk;
    return frame(desk, does, t("snoozeTitle"), html`<p class="fine">${t("snoozeMore")}</p>
      <fieldset><legend class="hidden">${t("snoozeTitle")}</legend>
        ${["in20", "in60", "tomorrow", "pick"].map((one) => option(does, ask, "when", one, t(one)))}
      </fieldset>
      ${ask.when === "pick" ? field(t, "ask-at", t("pick"), html`<input id="ask-at" type="datetime-local" .value=${ask.at ?? ""} @input=${set(does, "at")}>`) : nothing}`,
      { run: () => does.doSnooze(), text: t("snooze"), disabled: ask.when === "pick" && !ask.at });
  },

  transfer: (desk, does, ask) => {
    const { t, me, open: { item, context } } = desk;
    const others = me.colleagues.filter((one) => one.id !== me.agent.id);
    return frame(desk, does, t("transferTitle", item), html`<p class="fine">${t("transferMore")}</p>
      <fieldset><legend>${t("toColleague")}</legend>
        ${others.length ? others.map((one) => option(does, ask, "to", `agent ${one.id}`, one.name, `${t(one.presence)}, ${t("load", one)}`, one.presence === "away")) : html`<p class="fine">${t("nobodyElse")}</p>`}
      </fieldset>
      <fieldset><legend>${t("toSkill")}</legend>${me.skills.map((one) => option(does, ask, "to", `skill ${one}`, one))}</fieldset>
      ${preview(t, context.return_lines?.transfer)}
      ${field(t, "ask-note", t("transferNote"), text(does, ask, "note"))}`, { run: () => does.doTransfer(), text: t("transfer"), disabled: !ask.to });
  },

  back: (desk, does, ask) => {
    const { t, me, open: { context, tasks: [top] } } = desk;
    const lines = context.return_lines ?? {};
    const line = ask.how === "start" ? (lines.start?.[ask.dialog] ?? ask.line) : lines[ask.how];
    const then = ask.how === "resume" && top?.question;
    return frame(desk, does, t("backTitle"), html`
      <fieldset><legend class="hidden">${t("backTitle")}</legend>
        ${option(does, ask, "how", "resume", t("backResume"), top ? t("backResumeMore", { title: upper(top.title) }) : t("backNothing"), !top)}
        ${option(does, ask, "how", "start", t("backStart"))}
        ${option(does, ask, "how", "close", t("backClose"), t("backCloseMore"))}
      </fieldset>
      ${ask.how === "start" ? chooseDialog(t, does, ask, me.dialogs) : nothing}
      ${preview(t, line, then)}`,
      { run: () => does.doBack(), text: t("backDo"), disabled: ask.how === "start" && !ask.dialog });
  },

  offer: (desk, does, ask) => {
    const { t, me } = desk;
    const chosen = me.dialogs.find((one) => one.id === ask.dialog);
    const given = (one) => set({ fill: (values) => does.fill({ answers: { ...ask.answers, ...values } }) }, one.name);
    return frame(desk, does, t("offerTitle"), html`<p class="fine">${t("offerMore")}</p>
      ${chooseDialog(t, does, ask, me.dialogs)}
      ${(chosen?.parameters ?? []).map((one) => field(t, `ask-p-${one.name}`, one.label || one.name, one.choices
        ? html`<select id=${`ask-p-${one.name}`} @change=${given(one)}><option value="">${t("blank")}</option>${one.choices.map((each) => {
            const [value, label] = typeof each === "string" ? [each, each] : [each.id ?? each.value, each.label ?? each.title];
            return html`<option value=${value} ?selected=${ask.answers[one.name] === value}>${label}</option>`;
          })}</select>`
        : html`<input id=${`ask-p-${one.name}`} maxlength="200" autocomplete="off" placeholder=${t("blank")} .value=${ask.answers[one.name] ?? ""} @input=${given(one)}>`))}`,
      { run: () => does.doOffer(), text: t("offerDo"), disabled: !ask.dialog });
  },

  act: (desk, does, ask) => {
    const { t, me, config: { locale } } = desk;
    const act = me.acts.find((one) => one.id === ask.act);
    const over = does.overLimit(act, ask);
    return frame(desk, does, me.acts.length > 1 ? t("actTitle") : act.title, html`<p class="fine">${t("actMore")}</p>
      ${me.acts.length > 1 ? html`<fieldset><legend class="hidden">${t("act")}</legend>${me.acts.map((one) => option(does, ask, "act", one.id, one.title))}</fieldset>` : nothing}
      ${act.fields.map((one) => field(t, `ask-${one.name}`, one.type === "pence" ? t("amount") : one.label, input(does, ask, one)))}
      ${act.limit != null ? html`<p class=${over ? "wrong" : "fine"}>${t(over ? "overLimit" : "limit", { limit: pounds(act.limit, locale) })}</p>` : nothing}`,
      { run: () => does.doAct(), text: t(over ? "actAsk" : "actDo") });
  },

  approval: (desk, does, ask) => {
    const { t, me, config: { locale } } = desk;
    const { one } = ask;
    const own = one.by.id === me.agent.id;
    return frame(desk, does, `${desk.actTitle(one.act)}${one.amount != null ? `, ${pounds(one.amount, locale)}` : ""}`, html`
      <p class="fine">${t("approvalBy", { name: one.by.name, time: span(since(one.asked_at)) })}</p>
      <p class="preview">${one.reason}${one.text ? `\n${one.text}` : ""}</p>
      ${own ? html`<p>${t("ownAsk")}</p>` : field(t, "ask-reason", t("note"), text(does, ask, "reason"))}
      <p><a href=${`#case/${one.case}`} @click=${() => does.shut()}>${t("conversations")}</a></p>`, own ? {} : {
        run: () => does.decide("approve"), text: t("approve"),
        more: html`<button type="button" class="button danger" @click=${() => does.decide("decline")}>${t("decline")}</button>`,
      });
  },

  replies: (desk, does, ask) => {
    const { t, replies, me } = desk;
    const lead = me.agent.role === "lead";
    if (ask.edit) {
      return frame(desk, does, t("repliesTitle"), html`<p class="fine">${t("repliesMore")}</p>
        ${field(t, "ask-shortcut", t("shortcut"), html`<input id="ask-shortcut" required maxlength="30" pattern="[a-z0-9_\\-]+" .value=${ask.shortcut} @input=${set(does, "shortcut")}>`)}
        ${field(t, "ask-title-text", t("replyTitle"), html`<input id="ask-title-text" required maxlength="80" .value=${ask.title} @input=${set(does, "title")}>`)}
        ${field(t, "ask-text", t("replyText"), text(does, ask, "text", 4))}
        ${lead ? html`<label class="switch"><input type="checkbox" .checked=${ask.shared} @change=${set(does, "shared")}>${t("sharedReply")}</label>` : nothing}`,
        { run: () => does.saveReply(), text: t("saveReply"), disabled: !ask.shortcut || !ask.title || !ask.text });
    }
    const mine = (one) => lead || !one.shared;
    return frame(desk, does, t("repliesTitle"), html`<p class="fine">${t("repliesMore")}</p>
      <ul class="approvals">${replies.map((one) => html`<li><div><p><strong>/${one.shortcut}</strong> ${one.title}</p><p class="fine">${one.text}</p></div>
        ${mine(one)
          ? html`<button type="button" class="button" @click=${() => does.fill({ ...one, edit: true })}>${t("edit")}<span class="hidden"> ${one.title}</span></button>
              <button type="button" class="button danger" @click=${() => does.deleteReply(one)}>${t("delete")}<span class="hidden"> ${one.title}</span></button>`
          : html`<p class="fine">${t("onlyLeads")}</p>`}</li>`)}</ul>
      <p><button type="button" class="button" @click=${() => does.fill({ edit: true, id: null, shortcut: "", title: "", text: "", shared: false })}>${t("addReply")}</button></p>`);
  },

  help: (desk, does) => {
    const { t, prefs, notifier, me } = desk;
    const told = { granted: "notificationsAreOn", denied: "notificationsDenied" }[notifier.permission];
    return frame(desk, does, t("keysTitle"), html`
      <label class="switch"><input type="checkbox" .checked=${prefs.singleKeys} @change=${(event) => desk.setPrefs({ singleKeys: event.target.checked })}>
        <span>${t("singleKeys")}<br><span class="fine">${t("singleKeysMore")}</span></span></label>
      <dl class="keys">
        ${KEYS.map(([key, , name]) => html`<dt><kbd>${key}</kbd></dt><dd>${t(name)}</dd>`)}
        <dt><kbd>Enter</kbd></dt><dd>${t("keyEnter")}</dd>
        <dt><kbd>Esc</kbd></dt><dd>${t("keyEscape")}</dd>
      </dl>
      ${told ? html`<p class="fine">${t(told)}</p>` : nothing}
      <p class="fine">${me.agent.name}, ${t(me.agent.role)}</p>`,
      { more: html`<button type="button" class="button" @click=${() => does.replies()}>${t("savedReplies")}</button>
          <button type="button" class="button" @click=${() => does.signOut()}>${t("signOut")}</button>` });
  },
};

function chooseDialog(t, does, ask, dialogs) {
  return field(t, "ask-dialog", t("dialog"), html`<select id="ask-dialog" @change=${(event) => does.chooseDialog(event.target.value)}>
    <option value="" ?selected=${!ask.dialog}>${t("chooseOne")}</option>
    ${dialogs.map((one) => html`<option value=${one.id} ?selected=${one.id === ask.dialog}>${one.title}</option>`)}</select>`);
}

function input(does, ask, { name, type, max, required }) {
  if (type === "pence") return html`<input id=${`ask-${name}`} inputmode="decimal" autocomplete="off" ?required=${required} .value=${ask[name] ?? ""} @input=${set(does, name)}>`;
  if (type === "datetime") return html`<input id=${`ask-${name}`} type="datetime-local" ?required=${required} .value=${ask[name] ?? ""} @input=${set(does, name)}>`;
  return html`<textarea id=${`ask-${name}`} rows="2" maxlength=${max ?? 1_000} ?required=${required} .value=${ask[name] ?? ""} @input=${set(does, name)}></textarea>`;
}
