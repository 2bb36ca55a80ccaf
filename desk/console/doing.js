// What an agent does with a case: takes it, passes it on, puts it away, hands it back, offers and acts.
import { key } from "./api.js";
import { suggestion } from "./offering.js";
import { now, pence } from "./time.js";

/** Actions of the open case; each of the small windows has one that opens it and one that does it. */
export function doing(desk, page) {
  const path = (what) => `/cases/${desk.open.id}/${what}`;
  const may = () => desk.open?.ready && desk.open.may.write;

  function ask(kind, values = {}) {
    // One key for one window: a second press of its button repeats the same act, and changes nothing.
    desk.ask = { kind, key: key(), ...values };
    desk.changed();
  }

  /** Does it, with the window shut and a word said if it went well. */
  async function run(what, body, said, { away = false } = {}) {
    desk.ask.busy = true;
    desk.changed();
    const { item } = desk.open;
    const answer = await desk.post(path(what), body);
    if (desk.ask) desk.ask.busy = false;
    if (answer) {
      desk.ask = undefined;
      if (said) desk.say(desk.t(said, item));
      if (away) desk.leave();
    }
    desk.changed();
    return answer;
  }

  const does = {
    async claim() {
      const { open } = desk;
      if (!open?.ready || !open.may.claim) return;
      if (await desk.post(path("claim"), {})) {
        desk.say(desk.t("claimed", open.item));
        await desk.reload();
        await page.drawn();
        page.box?.focus();
      }
    },

    shut() {
      desk.ask = undefined;
      desk.changed();
    },

    fill(values) {
      Object.assign(desk.ask, values, { error: undefined });
      desk.changed();
      if (values.how === "start" && desk.ask.kind === "back" && !desk.ask.dialog) does.chooseDialog(suggestion(desk)?.dialog ?? "");
    },

    // Ending ----------------------------------------------------------------------------------------------------------

    resolve: () => may() && ask("resolve", { how: "ask", note: "", ready: true }),

    doResolve: () => {
      const { key: id, note, how } = desk.ask;
      return run("resolve", { key: id, note, silent: how !== "ask", spam: how === "spam" }, "resolved", { away: true });
    },

    snooze: () => may() && ask("snooze", { when: "in20", ready: true }),

    doSnooze: () => run("snooze", { until: until(desk.ask) }, "snoozedDone"),

    wake: async () => {
      const { open } = desk;
      if (open?.item?.mine && (await desk.post(path("wake"), {}))) await desk.reload();
    },

    transfer: () => {
      if (!may()) return;
      ask("transfer", { note: "" });
      desk.refresh();
    },

    doTransfer: () => {
      const { to, note, key: id } = desk.ask;
      const [kind, whom] = [to.slice(0, to.indexOf(" ")), to.slice(to.indexOf(" ") + 1)];
      return run("transfer", { to_agent: kind === "agent" ? whom : null, to_skill: kind === "skill" ? whom : null, note, key: id }, "transferred", { away: true });
    },

    back: () => may() && ask("back", { how: desk.open.tasks.length ? "resume" : "close", note: "", ready: true }),

    doBack: () => {
      const { key: id, how, dialog, note } = desk.ask;
      const answers = how === "start" ? answersFor(dialog) : {};
      return run("return", { key: id, how, dialog: how === "start" ? dialog : null, answers, note }, "handedBack", { away: true });
    },

    // Offering and acting ---------------------------------------------------------------------------------------------

    offer: () => {
      if (!may()) return;
      const best = suggestion(desk);
      ask("offer", { dialog: best?.dialog ?? "", answers: { ...best?.answers }, ready: Boolean(best) });
    },

    chooseDialog(id) {
      const one = desk.ask;
      one.dialog = id;
      if (one.kind === "offer") one.answers = answersFor(id);
      // The line is in the context already; a dialog that is not there is asked about.
      if (one.kind === "back" && id && !desk.open.context.return_lines?.start?.[id]) {
        desk.api.post(path("preview"), { how: "start", dialog: id }).then(({ line }) => {
          one.line = line;
          desk.changed();
        }, () => {});
      }
      desk.changed();
    },

    doOffer: async () => {
      const { key: id, dialog, answers } = desk.ask;
      const given = Object.fromEntries(Object.entries(answers).filter(([, value]) => value !== ""));
      const { title } = desk.me.dialogs.find((one) => one.id === dialog);
      if (await run("offer", { key: id, dialog, answers: given })) desk.say(desk.t("offered", { title }));
      page.box?.focus();
    },

    act: (id) => may() && desk.me.acts.length && ask("act", { act: id ?? desk.me.acts[0].id }),

    overLimit(act, given) {
      const amount = pence(given.amount ?? "");
      return act.limit != null && amount != null && amount > act.limit;
    },

    doAct: async () => {
      const { ask: given, t } = desk;
      const act = desk.me.acts.find((one) => one.id === given.act);
      const amount = act.fields.some((one) => one.type === "pence") ? pence(given.amount ?? "") : null;
      if (amount === undefined || amount === 0) {
        Object.assign(given, { error: t("amountWrong") });
        return desk.changed();
      }
      const answer = await run("act", {
        key: given.key, act: act.id, amount, reason: given.reason ?? "", text: given.text ?? "",
        at: given.at ? new Date(given.at).toISOString() : null,
      });
      if (!answer) return undefined;
      const said = { done: "acted", refused: "actedRefused", waiting_approval: "actedWaits" }[answer.status] ?? "actedUnknown";
      return desk.say(t(said, { reference: answer.reference ?? "" }));
    },

    approval: (one) => ask("approval", { one, reason: "" }),

    async decide(decision) {
      const { one, reason } = desk.ask;
      const answer = await desk.post(`/approvals/${one.id}`, { decision, reason });
      desk.ask = undefined;
      if (answer) desk.say(desk.t(decision === "approve" ? "approved" : "declined"));
      desk.changed();
    },

    // Saved replies ---------------------------------------------------------------------------------------------------

    replies: () => ask("replies"),

    async saveReply() {
      const { id, shortcut, title, text, shared } = desk.ask;
      if (await desk.post("/replies", { id: id ?? null, shortcut, title, text, shared: Boolean(shared) })) await again();
    },

    async deleteReply({ id }) {
      if (await desk.post(`/replies/${id}/delete`, {})) await again();
    },
  };

  async function again() {
    desk.replies = (await desk.get("/replies"))?.replies ?? desk.replies;
    desk.ask = { kind: "replies" };
    desk.changed();
  }

  function answersFor(dialog) {
    const best = suggestion(desk);
    return best?.dialog === dialog ? { ...best.answers } : {};
  }

  return does;
}

function until({ when, at }) {
  const date = new Date(now());
  if (when === "pick") return new Date(at).toISOString();
  if (when === "tomorrow") {
    date.setDate(date.getDate() + 1);
    date.setHours(9, 0, 0, 0);
  } else {
    date.setMinutes(date.getMinutes() + (when === "in20" ? 20 : 60));
  }
  return date.toISOString();
}
