// The keyboard: which key does what, and when a single key counts. WCAG 2.1.4: single keys can be turned off.

/** [key, action, text] in the order the help shows them. */
export const KEYS = [
  ["j", "next", "keyNext"],
  ["k", "previous", "keyPrevious"],
  ["c", "claim", "keyClaim"],
  ["r", "reply", "keyReply"],
  ["n", "note", "keyNote"],
  ["/", "canned", "keyCanned"],
  ["o", "offer", "keyOffer"],
  ["g", "act", "keyAct"],
  ["b", "back", "keyBack"],
  ["e", "resolve", "keyResolve"],
  ["t", "transfer", "keyTransfer"],
  ["z", "snooze", "keySnooze"],
  ["i", "details", "keyDetails"],
  ["?", "help", "keyHelp"],
];

const ACTIONS = new Map(KEYS.map(([key, action]) => [key, action]));

/** Whether what is typed here is text, so that a letter is a letter. */
export function writing(target) {
  return target instanceof Element && Boolean(target.closest("input, textarea, select, [contenteditable='true']"));
}

/** The action that this key press asks for, or undefined. `single` is whether single keys are on. */
export function action(event, { single, inDialog }) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return undefined;
  if (inDialog || writing(event.target) || !single) return undefined;
  return ACTIONS.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
}
