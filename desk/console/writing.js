// What the message box does: two modes with a text each, sending, files, saved replies. A note goes to /note alone.
import { Problem, key } from "./api.js";
import { blank, filled, likeNote, offered } from "./canned.js";
import { LIMIT } from "./composer.js";
import { size } from "./time.js";

const TYPES = /^(image\/(png|jpeg|gif|webp)|application\/pdf|text\/plain)$/;

/** Actions of the composer. `page` finds the box and keeps the newest line in view. */
export function writing(desk, page) {
  const draft = () => desk.open.draft;
  const path = (what) => `/cases/${desk.open.id}/${what}`;

  /** Puts a text into the box, with the next placeholder marked. */
  async function write(text) {
    draft()[draft().mode] = text;
    desk.changed();
    await page.drawn();
    const box = page.box;
    page.grow();
    box.focus();
    const gap = blank(text);
    if (gap) box.setSelectionRange(gap.start, gap.end);
  }

  async function deliver(opened, one) {
    const what = one.kind === "note" ? "note" : "say";
    const body = { key: one.key, text: one.text, ...(what === "say" ? { file: one.file?.id ?? null } : {}) };
    try {
      const { line, item } = await desk.api.twice(() => desk.api.post(`/cases/${opened.id}/${what}`, body));
      opened.log.sent(one.key, line);
      if (item && desk.open === opened) opened.item = item;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      Object.assign(opened.log.pending(one.key) ?? {}, { state: "failed", reason: problem.message });
      if (problem.status === 401) desk.failed(problem);
      if (problem.status === 403 || problem.status === 409) await desk.reload();
    }
    desk.changed();
  }

  function send(kind, text, file) {
    const { open } = desk;
    const one = { key: key(), kind, text, file, conversation: open.conversation, channel: open.item.channel, at: new Date().toISOString(), author: desk.me.agent.first, state: "sending" };
    open.log.send(one);
    page.down();
    deliver(open, one);
  }

  function clear() {
    Object.assign(draft(), draft().mode === "note" ? { note: "" } : { reply: "", file: undefined, cannedAt: 0 });
    page.drawn().then(() => page.grow());
  }

  const does = {
    async mode(name) {
      draft().mode = name;
      desk.changed();
      await page.drawn();
      page.grow();
      page.box?.focus();
    },

    typed(event) {
      const now = draft();
      now[now.mode] = event.target.value;
      Object.assign(now, { typed: now.mode === "reply" ? Date.now() : 0, cannedAt: 0, cannedShut: false });
      page.grow();
      desk.changed();
    },

    submit(event) {
      event?.preventDefault();
      const { mode, file } = draft();
      const text = draft()[mode].trim();
      if (text.length > LIMIT) return;
      if (mode === "note") {
        if (!text) return;
        send("note", text);
        clear();
        return;
      }
      if ((!text && !file?.id) || (file && !file.id)) return;
      const gap = blank(text);
      if (gap) {
        desk.say(desk.t("fill", { name: `{${gap.name}}` }));
        write(draft().reply);
      } else if (likeNote(text) || (desk.open.log.noteLast && text)) {
        desk.ask = { kind: "sure", text };
        desk.changed();
      } else {
        does.sendSure();
      }
    },

    sendSure() {
      const { reply, file } = draft();
      desk.ask = undefined;
      send("message", reply.trim(), file?.id ? file : undefined);
      clear();
      page.drawn().then(() => page.box?.focus());
    },

    /** What was about to go out becomes a note: moved, never copied. */
    asNote() {
      const now = draft();
      send("note", now.reply.trim());
      desk.ask = undefined;
      now.mode = "note";
      now.reply = "";
      desk.changed();
      page.drawn().then(() => page.box?.focus());
    },

    retry(id) {
      const one = desk.open.log.pending(id);
      Object.assign(one, { state: "sending", reason: undefined });
      desk.changed();
      deliver(desk.open, one);
    },

    discard(id) {
      desk.open.log.drop(id);
      desk.changed();
    },

    key(event) {
      const canned = draft().mode === "reply" ? offered(desk) : undefined;
      if (canned && ["ArrowDown", "ArrowUp"].includes(event.key) && canned.replies.length) {
        event.preventDefault();
        const step = event.key === "ArrowDown" ? 1 : -1;
        draft().cannedAt = (canned.at + step + canned.replies.length) % canned.replies.length;
        desk.changed();
      } else if (canned?.replies.length && ["Enter", "Tab"].includes(event.key) && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        does.insert(canned.replies[canned.at]);
      } else if (canned && event.key === "Escape") {
        event.stopPropagation();
        draft().cannedShut = true;
        desk.changed();
      } else if (event.key === "Tab" && !event.shiftKey && draft().mode === "reply" && blank(draft().reply)) {
        event.preventDefault();
        const gap = blank(draft().reply, event.target.selectionEnd);
        event.target.setSelectionRange(gap.start, gap.end);
      } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        does.submit(event);
      }
    },

    insert(reply) {
      write(filled(draft().reply, reply, desk));
    },

    // Files ------------------------------------------------------------------------------------------------------------

    attach(event) {
      const [file] = event.target.files;
      event.target.value = "";
      if (file) does.upload(file);
    },

    pasted(event) {
      const [file] = event.clipboardData?.files ?? [];
      if (!file || draft().mode !== "reply") return;
      event.preventDefault();
      does.upload(file);
    },

    async upload(file) {
      const { t, open, me, config: { locale } } = desk;
      if (me.upload && file.size > me.upload) return desk.say(t("tooBig", { name: file.name, size: size(me.upload, locale) }));
      if (!TYPES.test(file.type)) return desk.say(t("badType", file));
      const waiting = { name: file.name };
      open.draft.file = waiting;
      desk.changed();
      try {
        const answer = await desk.api.upload(path("files"), file);
        if (open.draft.file === waiting) open.draft.file = answer.file;
      } catch (problem) {
        if (open.draft.file === waiting) open.draft.file = undefined;
        desk.failed(problem);
      }
      page.box?.focus();
      return desk.changed();
    },

    detach() {
      draft().file = undefined;
      desk.changed();
      page.box?.focus();
    },
  };
  return does;
}
