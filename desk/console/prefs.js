// What an agent has chosen for this browser: single keys. Nothing about a customer is ever kept here.
const NAME = "parley-desk";

export const DEFAULTS = { singleKeys: true };

export function read() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(NAME) ?? "{}") };
  } catch {
    return { ...DEFAULTS };
  }
}

export function write(prefs) {
  try {
    localStorage.setItem(NAME, JSON.stringify(prefs));
  } catch {
    // Storage is off: the choice lasts as long as the page.
  }
}
