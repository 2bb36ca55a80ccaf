// Saved replies: which fit what is typed after "/", and a text with its placeholders.

/** What the box offers now: {replies, at}, or undefined while no "/" is being typed. */
export function offered({ open: { draft }, replies }) {
  const typed = /(?:^|\s)\/([\w-]*)$/.exec(draft.reply);
  if (!typed || draft.cannedShut) return undefined;
  const wanted = typed[1].toLowerCase();
  const fits = (one) => one.shortcut.toLowerCase().startsWith(wanted) || (wanted.length > 1 && one.title.toLowerCase().includes(wanted));
  const found = replies.filter(fits).slice(0, 8);
  return { replies: found, at: Math.min(draft.cannedAt ?? 0, Math.max(found.length - 1, 0)) };
}

/** The draft with the reply in the place of "/…"; what we know is filled in, the rest stays as {name}. */
export function filled(draft, reply, { me, open, config }) {
  const known = { agent: me.agent.first, reference: open.item.reference, brand: config.brand?.name ?? me.brand?.name };
  const text = reply.text.replace(/\{(\w+)\}/g, (mark, name) => known[name] ?? mark);
  return draft.replace(/\/[\w-]*$/, "") + text;
}

/** The first placeholder still to be filled: {start, end, name}, or undefined. */
export function blank(text, from = 0) {
  const find = (start) => {
    const match = /\{(\w+)\}/.exec(text.slice(start));
    return match && { start: start + match.index, end: start + match.index + match[0].length, name: match[1] };
  };
  return find(from) ?? (from ? find(0) : undefined) ?? undefined;
}

/** Whether a reply reads like something meant for colleagues. */
export function likeNote(text) {
  return /^\s*(@\w|(fyi|internal|private)\b|(note|nb|heads[ -]?up|for (the )?(team|colleagues?|lead))\s*[:,–-])/i.test(text);
}
