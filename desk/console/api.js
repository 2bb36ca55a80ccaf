// Calls of the desk's API: JSON in and out, the CSRF token on every change, errors as Problem.

/** An answer that is not a success. `message` is fit to be shown; status 0 is no answer at all. */
export class Problem extends Error {
  constructor(status, code, message, by) {
    super(message);
    Object.assign(this, { status, code, by });
  }
}

/** A key under which a repeated request changes nothing. */
export function key() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16).padStart(8, "0")).join("");
}

export class Api {
  csrf = "";

  /** `t` gives the text for a lost connection; `renewed(me)` hears of a session that was begun anew elsewhere. */
  constructor(base, t, renewed) {
    Object.assign(this, { base, t, renewed });
  }

  get(path) {
    return this.#call(path, {});
  }

  post(path, body = {}) {
    return this.#call(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  }

  upload(path, file) {
    const body = new FormData();
    body.append("file", file);
    return this.#call(path, { method: "POST", body });
  }

  /** Once more after no answer or a busy one: what changes something carries its key, so a repeat is harmless. */
  async twice(call) {
    try {
      return await call();
    } catch (problem) {
      if (!(problem instanceof Problem) || ![0, 502, 503, 504].includes(problem.status)) throw problem;
      await new Promise((later) => setTimeout(later, 800));
      return call();
    }
  }

  async #call(path, { headers: given = {}, ...rest }) {
    const headers = rest.method === "POST" ? { ...given, "X-Desk-CSRF": this.csrf } : given;
    let answer;
    try {
      answer = await fetch(path.startsWith("/desk/") ? path : this.base + path, { ...rest, headers, credentials: "same-origin", redirect: "error", signal: AbortSignal.timeout(20_000) });
    } catch {
      throw new Problem(0, "Lost", this.t("lost"));
    }
    const body = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
    if (answer.ok) return body;
    // Signed in again in another tab: the cookie is new, and so is the token that goes with it.
    if (answer.status === 403 && rest.method === "POST" && (await this.#renew())) return this.#call(path, { headers: given, ...rest });
    throw new Problem(answer.status, body.error?.code ?? "", body.error?.message ?? this.t("wrong"), body.by);
  }

  async #renew() {
    const me = await this.get("/me").catch(() => undefined);
    if (!me || me.csrf === this.csrf) return false;
    this.csrf = me.csrf;
    this.renewed(me);
    return true;
  }
}
