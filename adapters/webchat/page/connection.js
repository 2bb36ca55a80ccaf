// The page's end of Direct Line 3.0: session, history, WebSocket, polling when there is none, and sending in order.

const REFRESH = 15 * 60_000;
const PATIENCE = 15_000; // for one request
const POLL = 1_000;
const TRIES = 3; // of one send, before the customer is asked

/** One conversation with the server. `on` receives: activities(list, isHistory), state(name), posted(id, state), fresh(). */
export class Connection {
  #config;
  #on;
  #token = "";
  #conversation = "";
  #watermark = "";
  #socket = null;
  #stepping = false;
  #caughtUp = false;
  #socketAfter = 0;
  #renewal = null;
  #failures = 0;
  #state = "opening";
  #queue = [];
  #busy = false;
  #timer = 0;
  #refreshing = 0;
  #shared = false;
  #unseen = new Set();

  constructor(config, on) {
    this.#config = config;
    this.#on = on;
  }

  /** Opens the session, reads the history and stays connected from then on. */
  async open() {
    addEventListener("online", () => this.#wake());
    addEventListener("focus", () => this.#wake());
    addEventListener("pageshow", (event) => event.persisted && this.#wake());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#wake());
    await this.#step();
  }

  /** Sends an activity, after those before it. Its state comes by `posted`: sending, waiting, sent, failed or refused. */
  send(id, activity) {
    this.#queue.push({ id, activity });
    this.#drain();
  }

  /** Says that the customer writes. It does not matter whether this one arrives. */
  typing() {
    if (this.#token) this.#call("POST", `${this.#path}/activities`, { type: "typing" }).catch(() => {});
  }

  /** What stands in the log behind a position as it is now: its links may have been used meanwhile. */
  async again(after) {
    const set = await this.#call("GET", `${this.#path}/activities?watermark=${after}`);
    return set.activities;
  }

  // Receiving ------------------------------------------------------------------------------------------------------

  get #live() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  #soon(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#step(), delay);
  }

  /** The customer or the network is back: try at once, or make sure that an open socket still speaks. */
  #wake() {
    this.#socketAfter = 0;
    this.#shared = false;
    if (this.#live) this.#verify();
    else this.#soon(0);
  }

  /** Reads past the socket. One that has missed something is dead, though it looks open, and is replaced. */
  async #verify() {
    const socket = this.#socket;
    const before = this.#watermark;
    await this.#read().catch(() => socket?.close());
    if (socket === this.#socket && this.#watermark !== before) socket?.close();
  }

  /** One step towards being connected: read what is new, then try the socket; poll on while there is none. */
  async #step() {
    clearTimeout(this.#timer);
    if (this.#live || this.#stepping) return;
    this.#stepping = true;
    try {
      if (!this.#token) await this.#session();
      await this.#read();
      this.#failures = 0;
      this.#set("online");
      const wanted = Date.now() >= this.#socketAfter && !this.#shared;
      if (!wanted || !(await this.#listen())) this.#soon(document.visibilityState === "visible" ? POLL : 10 * POLL);
    } catch (problem) {
      this.#failures += 1;
      const busy = problem.status === 429;
      if (busy) this.#set("busy");
      else if (this.#caughtUp || this.#failures > 2) this.#set(this.#caughtUp ? "reconnecting" : "gone");
      // Whoever else is refused is told the same second: a crowd that waits longer and longer does not come all at once.
      const wait = backoff(this.#failures);
      this.#soon(busy ? Math.max(problem.after ?? 0, wait) : (problem.after ?? wait));
    } finally {
      this.#stepping = false;
    }
  }

  #session() {
    this.#renewal ??= this.#begin().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  async #begin() {
    const opened = await request(this.#config.session, { method: "POST" });
    this.#token = opened.token;
    if (this.#conversation && this.#conversation !== opened.conversationId) {
      this.#watermark = "";
      this.#socket?.close();
      this.#on.fresh();
    }
    this.#conversation = opened.conversationId;
    clearInterval(this.#refreshing);
    const life = (opened.expires_in ?? 1800) * 1000;
    this.#refreshing = setInterval(() => this.#refresh(), Math.min(REFRESH, life / 2));
  }

  async #refresh() {
    // A missed refresh is mended by the next request, which opens a new session on 403.
    const renewed = await this.#call("POST", "/tokens/refresh").catch(() => null);
    if (renewed?.token) this.#token = renewed.token;
  }

  async #read() {
    for (let more = true; more; ) {
      const before = this.#watermark;
      const set = await this.#call("GET", `${this.#path}/activities?watermark=${encodeURIComponent(before || "0")}`);
      this.#take(set);
      more = set.activities.length > 0 && this.#watermark !== before;
    }
    this.#caughtUp = true;
  }

  #take(set) {
    if (set.watermark != null) this.#watermark = String(set.watermark);
    const activities = set.activities ?? [];
    for (const { channelData } of activities) this.#unseen.delete(channelData?.clientActivityID);
    this.#on.activities(activities, !this.#caughtUp);
  }

  /** True once the socket is open; false where this network lets none through. */
  async #listen() {
    const again = await this.#call("GET", `${this.#path}?watermark=${encodeURIComponent(this.#watermark || "0")}`);
    if (again.token) this.#token = again.token;
    if (!again.streamUrl) return false;
    const url = new URL(again.streamUrl, location.href);
    // On our own origin the page's host is the one that is sure to reach the server, also through a tunnel.
    if (this.#config.directline.startsWith("/")) [url.hostname, url.port] = [location.hostname, location.port];
    url.protocol = url.protocol === "https:" || location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    return new Promise((resolve) => {
      const slow = setTimeout(() => socket.close(), PATIENCE);
      socket.onopen = () => {
        clearTimeout(slow);
        this.#socket = socket;
        resolve(true);
      };
      socket.onmessage = ({ data }) => data && this.#take(JSON.parse(data));
      socket.onclose = ({ reason }) => {
        clearTimeout(slow);
        // Another tab of the same chat has taken the stream: this one polls until it is used again.
        this.#shared = reason === "collision";
        if (this.#socket === socket) {
          this.#socket = null;
          this.#soon(this.#shared ? POLL : 300);
        } else {
          this.#socketAfter = Date.now() + 30_000;
        }
        resolve(false);
      };
    });
  }

  #set(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#on.state(state);
  }

  // Sending --------------------------------------------------------------------------------------------------------

  async #drain() {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#queue.length) {
      const { id, activity } = this.#queue[0];
      const state = await this.#post(id, activity);
      this.#queue.shift();
      this.#on.posted(id, state);
    }
    this.#busy = false;
  }

  async #post(id, activity) {
    for (let tries = 1; ; ) {
      this.#on.posted(id, "sending");
      try {
        if (!this.#token) await this.#session();
        this.#unseen.add(id);
        await this.#call("POST", `${this.#path}/activities`, activity);
        setTimeout(() => this.#unseen.delete(id) && this.#verify(), 3_000);
        return "sent";
      } catch (problem) {
        if (problem.status === 429) {
          this.#on.posted(id, "waiting");
          await pause(problem.after ?? 2_000);
        } else if (problem.status >= 400 && problem.status < 500) {
          return "refused";
        } else if (tries++ < TRIES) {
          await pause(backoff(tries)); // the same id again is safe: the server takes each id once
        } else {
          return "failed";
        }
      }
    }
  }

  get #path() {
    return `/conversations/${encodeURIComponent(this.#conversation)}`;
  }

  /** A call with the token. A token or conversation that is over is replaced by a new session, once. */
  async #call(method, path, body, again = true) {
    const old = this.#path;
    try {
      const headers = { Authorization: `Bearer ${this.#token}` };
      return await request(this.#config.directline + path, { method, headers, body });
    } catch (problem) {
      if (!again || ![401, 403, 404].includes(problem.status)) throw problem;
      await this.#session();
      return this.#call(method, path.replace(old, this.#path), body, false);
    }
  }
}

/** The JSON answer; throws with `status` (0 when there was none) and `after`, the milliseconds it asks us to wait. */
async function request(url, { method, headers = {}, body }) {
  let answer;
  try {
    answer = await fetch(url, {
      method,
      headers: body ? { ...headers, "Content-Type": "application/json" } : headers,
      body: body && JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      keepalive: Boolean(body), // a message outlives the page, when a link is followed right after
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (answer.ok) return await answer.json();
  } catch (problem) {
    throw Object.assign(new Error("no answer", { cause: problem }), { status: 0 });
  }
  const wait = Number(answer.headers.get("Retry-After"));
  throw Object.assign(new Error(`answer ${answer.status}`), { status: answer.status, after: wait > 0 ? wait * 1000 : undefined });
}

function backoff(failures) {
  return Math.min(500 * 2 ** (failures - 1), 15_000) * (0.8 + 0.4 * Math.random());
}

function pause(time) {
  return new Promise((go) => setTimeout(go, time));
}
