// Every text of the page itself, by name; a brand replaces any of them with config.words.
const ENGLISH = {
  title: "Chat with {brand}",
  assistant: "Automated assistant",
  assistantName: "{brand} assistant",
  you: "You",
  system: "Notice",
  welcome: "Hello, how can we help?",
  intro: "An automated assistant answers here. It can look things up and get things done for you, and you can talk to a person at any time.",
  kept: "We keep this conversation, so that we can both look back at what was said and agreed. Please don’t send passwords or card numbers.",
  starters: "Things you can ask",
  person: "Talk to a person",
  call: "Prefer to call?",
  log: "Conversation",
  composer: "Your message",
  placeholder: "Write a message",
  send: "Send",
  skip: "Skip to the message box",
  left: "{n} characters left",
  over: "{n} characters too many. Please shorten your message.",
  sending: "Sending…",
  sent: "Sent",
  waiting: "Sending soon. We are a little busy.",
  failed: "Not sent.",
  refused: "Not sent. We could not take this message.",
  again: "Try again",
  chosen: "Your choice",
  choices: "Choose an answer",
  newTab: "opens in a new tab",
  expired: "This link has been used, or is too old",
  gone_file: "This download has expired. You can ask for it again.",
  download: "Download",
  slow: "This is taking longer than usual. You can wait, or talk to a person.",
  reconnecting: "Reconnecting…",
  online: "Back online",
  busy: "Many people are opening the chat from your network just now. We keep trying.",
  gone: "We can’t open the chat right now. We keep trying. You can also call us on {phone}.",
  latest: "New messages",
  opening: "Opening the chat…",
  today: "Today",
  yesterday: "Yesterday",
};

/** A function that gives a text by its name, with {values} filled in. */
export function words(own = {}, always = {}) {
  const all = { ...ENGLISH, ...own };
  return (name, values = {}) =>
    (all[name] ?? name).replace(/\{(\w+)\}/g, (mark, key) => String(values[key] ?? always[key] ?? mark));
}
