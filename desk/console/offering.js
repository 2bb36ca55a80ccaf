// Which dialog to offer, with which answers: the server's suggestion, else what was left open, else what was last asked.

/** {dialog, title, answers} or undefined. */
export function suggestion({ me, open }) {
  const { suggested, open: left, trail } = open.context;
  const known = (id) => me.dialogs.find((one) => one.id === id);
  if (suggested && known(suggested.dialog)) return { answers: {}, title: known(suggested.dialog).title, ...suggested };
  const top = left.find((one) => one.top && known(one.dialog)) ?? left.find((one) => known(one.dialog));
  if (top) return { dialog: top.dialog, title: top.title, answers: fitting(known(top.dialog), top.answers) };
  const asked = trail.findLast((one) => known(one.intent));
  return asked && { dialog: asked.intent, title: known(asked.intent).title, answers: {} };
}

/** Of the answers given, those that this dialog begins with. */
function fitting(dialog, answers) {
  const names = new Set(dialog.parameters.map((one) => one.name));
  return Object.fromEntries(answers.filter(({ name }) => names.has(name)).map(({ name, value }) => [name, value]));
}
