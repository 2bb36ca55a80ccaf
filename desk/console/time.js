// Times, durations, money and sizes as an agent reads them.

/** How far this machine's clock is behind the server's, in ms; set from each answer that says "now". */
let ahead = 0;

export function serverSays(now) {
  ahead = Date.parse(now) - Date.now();
}

export function now() {
  return Date.now() + ahead;
}

/** Seconds since an ISO time, never below 0. */
export function since(iso) {
  return Math.max(0, Math.floor((now() - Date.parse(iso)) / 1_000));
}

/** 37 s, 4 min, 1 h 05 min, 3 days. */
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} min`;
  if (s < 172_800) return `${Math.floor(s / 3_600)} h ${String(Math.floor(s / 60) % 60).padStart(2, "0")} min`;
  return `${Math.floor(s / 86_400)} days`;
}

/** The same in whole hours where minutes do not matter. */
export function about(seconds) {
  return seconds < 14_400 ? span(seconds) : `${Math.floor(seconds / 3_600)} h`;
}

export function clock(iso, locale) {
  return new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" }).format(new Date(iso));
}

/** The time alone today, with its day otherwise. */
export function moment(iso, locale) {
  const at = new Date(iso);
  if (at.toDateString() === new Date(now()).toDateString()) return clock(iso, locale);
  return new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(at);
}

/** Pence as pounds. */
export function pounds(pence, locale) {
  return new Intl.NumberFormat(locale, { style: "currency", currency: "GBP" }).format(pence / 100);
}

/** What was typed as pounds, in pence; undefined where it is no amount. */
export function pence(text) {
  const match = /^\s*£?\s*(\d{1,6})(?:[.,](\d{1,2}))?\s*$/.exec(text);
  return match ? Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0")) : undefined;
}

export function size(bytes, locale) {
  const [unit, by] = bytes < 1_000_000 ? ["kilobyte", 1_000] : ["megabyte", 1_000_000];
  return new Intl.NumberFormat(locale, { style: "unit", unit, maximumFractionDigits: 1 }).format(bytes / by);
}
