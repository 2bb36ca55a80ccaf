// The page of the fake channels: draws what the server says each customer's app shows, and sends back what is done.

const NAMES = ["telegram", "slack", "messenger", "webchat"];
const windows = new Map();
let version = 0;
let shown = location.hash.slice(1) || "telegram";

const make = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

const act = async (chat, what, more = {}) => {
  const body = JSON.stringify({ chat, act: what, ...more });
  await fetch("/page/act", { method: "POST", headers: { "Content-Type": "application/json" }, body });
};

// Addresses in a text become links; everything else stays text.
const words = (element, text) => {
  for (const part of text.split(/(https?:\/\/[^\s]+)/)) {
    if (/^https?:\/\//.test(part)) {
      const link = make("a", "", part);
      link.href = part;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      element.append(link);
    } else {
      element.append(part);
    }
  }
};

const line = (chat, one, at) => {
  const row = make("li", one.mine ? "line mine" : "line theirs");
  const bubble = make("div", "bubble");
  const said = make("p", "said");
  words(said, one.text);
  bubble.append(said);
  if (one.mine) {
    const mark = make("span", one.taken ? "mark taken" : "mark", one.taken ? "✓✓" : "✓");
    mark.title = one.taken ? "The server has it" : "On its way to the server";
    bubble.append(mark);
  }
  row.append(bubble);
  const buttons = make("div", "buttons");
  one.links.forEach((link) => {
    if (link.enters) {
      const enter = make("button", "link", link.label);
      enter.type = "button";
      enter.addEventListener("click", () => act(chat, "enter", { at }));
      buttons.append(enter);
      return;
    }
    const open = make("a", "link", link.label);
    open.href = link.url;
    open.target = "_blank";
    open.rel = "noopener noreferrer";
    buttons.append(open);
  });
  one.buttons.forEach((label, button) => {
    const press = make("button", "choice", label);
    press.type = "button";
    press.addEventListener("click", () => act(chat, "press", { at, button }));
    buttons.append(press);
  });
  if (buttons.childElementCount) row.append(buttons);
  return row;
};

const field = (label, put) => {
  const form = make("form", "composer");
  const input = make("input");
  input.setAttribute("aria-label", label);
  input.placeholder = label;
  input.autocomplete = "off";
  input.maxLength = 4000;
  const send = make("button", "send", "Send");
  form.append(input, send);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    put(text);
  });
  return form;
};

const opened = (chat) => {
  const section = make("section", `window ${chat.name}`);
  section.id = `window-${chat.name}`;
  section.setAttribute("role", "tabpanel");
  section.setAttribute("aria-label", chat.title);
  const head = make("header", "head");
  const face = make("span", "face", "");
  face.setAttribute("aria-hidden", "true");
  const names = make("div", "names");
  names.append(make("h2", "", ""), make("p", "on", chat.title));
  head.append(face, names);
  const log = make("ol", "log");
  log.setAttribute("role", "log");
  log.setAttribute("aria-label", `${chat.title}, private chat`);
  log.tabIndex = 0;
  const replies = make("div", "replies");
  const typing = make("p", "typing", "typing…");
  typing.hidden = true;
  const begin = make("button", "begin", chat.start);
  begin.type = "button";
  begin.addEventListener("click", () => act(chat.name, "begin"));
  const open = make("details", "public");
  open.append(make("summary", "", `In public: ${chat.public_title}`));
  const square = make("ol", "log square");
  square.setAttribute("role", "log");
  square.setAttribute("aria-label", `${chat.title}, ${chat.public_title}`);
  open.append(square, field(`Write in ${chat.public_title}`, (text) => act(chat.name, "say_in_public", { text })));
  const trouble = make("details", "trouble");
  trouble.append(make("summary", "", "Misbehave"));
  const label = make("label", "", "To what the bot sends");
  const choose = make("select");
  choose.append(new Option("as it should", ""));
  chat.faults.forEach((fault) => choose.append(new Option(fault.label, fault.id)));
  choose.addEventListener("change", () => act(chat.name, "fault", { fault: choose.value }));
  label.append(choose);
  const again = make("label", "tick", "");
  const tick = make("input");
  tick.type = "checkbox";
  tick.addEventListener("change", () => act(chat.name, "twice", { twice: tick.checked }));
  again.append(tick, "Deliver each event twice");
  const met = make("p", "met");
  trouble.append(label, again, met);
  const write = field("Message", (text) => act(chat.name, "say", { text }));
  section.append(head, log, typing, replies, begin, write, open, trouble);
  document.getElementById("chats").append(section);
  return { section, log, replies, typing, begin, square, choose, tick, met, face, title: names.firstChild, drawn: "" };
};

const draw = (chat, brand) => {
  if (!windows.has(chat.name)) windows.set(chat.name, opened(chat));
  const one = windows.get(chat.name);
  one.title.textContent = brand;
  one.face.textContent = brand.slice(0, 1);
  one.typing.hidden = !chat.typing;
  one.begin.hidden = !chat.start;
  if (document.activeElement !== one.choose) one.choose.value = chat.fault;
  one.tick.checked = chat.twice;
  one.met.textContent = chat.met ? `${chat.met} ${chat.met === 1 ? "message" : "messages"} met with it so far.` : "";
  one.section.classList.toggle("troubled", Boolean(chat.fault) || chat.twice);
  const now = JSON.stringify([chat.lines, chat.public]);
  if (now === one.drawn) return;
  one.drawn = now;
  one.log.replaceChildren(...chat.lines.map((said, at) => line(chat.name, said, at)));
  one.square.replaceChildren(...chat.public.map((said, at) => line(chat.name, said, at)));
  const at = chat.lines.length - 1;
  const replies = at < 0 ? [] : chat.lines[at].replies;
  one.replies.replaceChildren(
    ...replies.map((label, button) => {
      const reply = make("button", "reply", label);
      reply.type = "button";
      reply.addEventListener("click", () => act(chat.name, "press", { at, button, reply: true }));
      return reply;
    }),
  );
  one.log.scrollTop = one.log.scrollHeight;
  one.square.scrollTop = one.square.scrollHeight;
};

const webchat = (url) => {
  if (windows.has("webchat") || !url) return;
  const section = make("section", "window webchat");
  section.id = "window-webchat";
  section.setAttribute("role", "tabpanel");
  section.setAttribute("aria-label", "Web chat");
  const frame = make("iframe");
  frame.src = url;
  frame.title = "Web chat";
  section.append(frame);
  document.getElementById("chats").append(section);
  windows.set("webchat", { section });
};

const choose = (name) => {
  shown = name;
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const here = tab.dataset.name === name;
    tab.setAttribute("aria-selected", String(here));
    tab.tabIndex = here ? 0 : -1;
  }
  document.body.dataset.shown = name;
};

const tabs = () => {
  const bar = document.getElementById("tabs");
  for (const name of NAMES.filter((one) => windows.has(one) && !bar.querySelector(`[data-name=${one}]`))) {
    const tab = make("button", "", windows.get(name).section.getAttribute("aria-label"));
    tab.type = "button";
    tab.dataset.name = name;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", `window-${name}`);
    tab.addEventListener("click", () => choose(name));
    bar.append(tab);
  }
  choose(shown);
};

document.getElementById("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const all = [...document.querySelectorAll("[role=tab]")];
  const next = all[(all.findIndex((tab) => tab.dataset.name === shown) + step + all.length) % all.length];
  choose(next.dataset.name);
  next.focus();
});

document.getElementById("new").addEventListener("click", () => act("", "new"));

const follow = async () => {
  for (;;) {
    try {
      const answer = await fetch(`/page/state?after=${version}`);
      const found = await answer.json();
      version = found.version;
      const { brand, customer, chats } = found.state;
      document.getElementById("brand").textContent = brand;
      document.getElementById("who").textContent = `Customer ${customer}. Nothing leaves this machine.`;
      chats.forEach((chat) => draw(chat, brand));
      webchat(found.state.webchat);
      tabs();
    } catch {
      document.getElementById("who").textContent = "The fake platforms have stopped.";
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
};

follow();
