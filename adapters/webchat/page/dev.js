// The developer's pane beside the chat: what each turn did, and switches to make things go wrong. Only where config.dev is set.
import { LitElement, html, nothing, repeat } from "/ui/vendor/lit.min.js";

const EVERY = 1_000;
const MODES = { ok: "works", slow: "slow", down: "down", lose_response: "loses the response" };

class ParleyDev extends LitElement {
  static properties = {
    turns: { state: true },
    mode: { state: true },
    said: { state: true },
    up: { state: true },
    name: { state: true },
  };

  constructor() {
    super();
    Object.assign(this, { turns: [], mode: "ok", said: "", up: true, name: "" });
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#follow();
    call("/dev/backend").then(({ mode }) => (this.mode = mode)).catch(() => {});
  }

  /** Reads the turns again and again; a turn seen before may have grown (its outbox was sent), so the last ones are read anew. */
  async #follow() {
    try {
      const last = this.turns.at(-1)?.seq ?? 0;
      const read = await call(`/dev/turns?after=${Math.max(0, last - 5)}`);
      const known = new Map(this.turns.map((turn) => [turn.seq, turn]));
      // A lower number than before is another conversation, or a new database.
      if (read.length && read.at(-1).seq < last) known.clear();
      for (const turn of read) known.set(turn.seq, turn);
      this.turns = [...known.values()].sort((a, b) => a.seq - b.seq);
      this.up = true;
    } catch {
      this.up = false;
    }
    setTimeout(() => this.#follow(), EVERY);
  }

  async #do(what, body, done) {
    try {
      const answer = await call(`/dev/${what}`, body ?? {});
      this.said = done(answer);
    } catch (problem) {
      this.said = what === "kill" ? "Killed. It comes back by itself." : `It did not work: ${problem.message}`;
    }
  }

  #kill() {
    this.#do("kill", {}, () => "Killed. It comes back by itself.");
  }

  #switch(event) {
    const mode = event.target.value;
    this.mode = mode;
    this.#do("backend", { mode }, () => `The backend now ${mode === "slow" || mode === "down" ? "is " : ""}${MODES[mode]}.`);
  }

  #save(event) {
    event.preventDefault();
    this.#do("transcript", { name: this.name }, (answer) => `Saved${answer?.path ? ` as ${answer.path}` : ""}.`);
  }

  render() {
    return html`
      <h2>Turns <span class=${this.up ? "up" : "off"}>${this.up ? "process is up" : "no answer"}</span></h2>
      <div class="switches">
        <button type="button" class="kill" @click=${this.#kill}>Kill the process</button>
        <label>Backend
          <select .value=${this.mode} @change=${this.#switch}>
            ${Object.entries(MODES).map(([mode, text]) => html`<option value=${mode} ?selected=${mode === this.mode}>${text}</option>`)}
          </select>
        </label>
        <form @submit=${this.#save}>
          <label>Name <input required pattern="[a-z0-9_\\-]+" title="small letters, digits, - and _" .value=${this.name}
            @input=${(event) => (this.name = event.target.value)}></label>
          <button type="submit">Save as transcript</button>
        </form>
        <p role="status">${this.said}</p>
      </div>
      <ol class="turns">${repeat(this.turns.toReversed(), (turn) => turn.seq, (turn) => this.#turn(turn))}</ol>
      ${this.turns.length ? nothing : html`<p>No turn yet. Write something in the chat.</p>`}
    `;
  }

  #turn(turn) {
    const { parse, journal = {}, effects = [], outbound = [] } = turn;
    return html`<li>
      <details ?open=${turn === this.turns.at(-1)}>
        <summary><b>${turn.seq}</b> <code>${turn.kind}</code> ${turn.text} <span class="ms">${number(turn.ms)} ms</span></summary>
        <dl>
          ${parse
            ? field("Parse", html`<b>${parse.intent || "none"}</b> ${number(parse.confidence, 2)} <span class="ms">by ${parse.backend}, ${number(parse.ms)} ms</span>
                ${parse.ranking?.length > 1 ? html`<ul>${parse.ranking.slice(0, 4).map(([intent, p]) => html`<li>${intent} ${number(p, 2)}</li>`)}</ul>` : nothing}
                ${parse.entities?.length ? html`<ul>${parse.entities.map((one) => html`<li>${one.name} = <code>${JSON.stringify(one.value)}</code> “${one.text}”</li>`)}</ul>` : nothing}`)
            : nothing}
          ${field("Route", turn.route)}
          ${field("Dialog", turn.dialog ? html`${turn.dialog}${turn.step ? html` at <code>${turn.step}</code>` : nothing}` : "none")}
          ${field("Journal", Object.keys(journal).length
            ? html`<ul>${Object.entries(journal).map(([name, value]) => html`<li><b>${name}</b> <code>${JSON.stringify(value)}</code></li>`)}</ul>`
            : "empty")}
          ${effects.length ? field("Effects", html`<ul>${effects.map((one) => html`<li>${one.function} <b>${one.status}</b> <code>${one.key}</code></li>`)}</ul>`) : nothing}
          ${outbound.length ? field("Outbox", html`<ol start="0">${outbound.map((one) => html`<li>${one.text} <b>${one.status}</b></li>`)}</ol>`) : nothing}
        </dl>
      </details>
    </li>`;
  }
}

function field(name, value) {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
}

function number(value, places = 1) {
  return Number(value ?? 0).toFixed(places);
}

async function call(url, body) {
  const answer = await fetch(url, {
    method: body ? "POST" : "GET",
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
    cache: "no-store",
  });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return (answer.headers.get("Content-Type") ?? "").includes("json") ? answer.json() : null;
}

customElements.define("parley-dev", ParleyDev);

/** Puts the pane beside the chat. */
export function open() {
  const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/chat/assets/dev.css" });
  document.head.append(sheet);
  document.body.classList.add("dev");
  const pane = document.createElement("parley-dev");
  pane.setAttribute("role", "complementary");
  pane.setAttribute("aria-label", "For developers");
  document.body.append(pane);
}
