// Puts the chat into a brand's site: a button, and a panel with the chat page in a frame.
//   <script src="https://chat.example/chat/embed.js" async></script>
// Optional: data-label="Chat with us", data-close="Close the chat", data-title="Chat", data-position="left" (else right),
// data-colour and data-text-colour for the button.
(() => {
  const script = document.currentScript;
  const { origin } = new URL(script.src);
  const { label = "Chat with us", close = "Close the chat", title = "Chat", position, colour = "#4b3bab", textColour = "#ffffff" } = script.dataset;
  const BUBBLE = "M4 5h16v11H11l-5 4v-4H4z";
  const CROSS = "M6 6l12 12M18 6 6 18";
  const side = position === "left" ? "left" : "right";

  // A shadow root keeps the site's styles out, and ours in; constructed styles need no exception in the site's policy.
  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    :host { all: initial; }
    button { position: fixed; z-index: 2147483000; ${side}: max(1rem, env(safe-area-inset-${side})); bottom: max(1rem, env(safe-area-inset-bottom));
      display: flex; align-items: center; gap: .5rem; min-height: 3.25rem; padding: 0 1.25rem; border: 2px solid transparent; border-radius: 1.75rem;
      font: 600 1rem/1.2 system-ui, sans-serif; color: var(--text); background: var(--colour); box-shadow: 0 4px 18px rgb(0 0 0 / 25%); cursor: pointer; }
    button:focus-visible { outline: 3px solid var(--colour); outline-offset: 3px; }
    button.new::after { content: ""; width: .75rem; height: .75rem; border-radius: 50%; background: #ffd15c; border: 1px solid #3a2d00; }
    button.open span { display: none; }
    button.open { min-width: 3.25rem; padding: 0; justify-content: center; }
    svg { width: 1.375rem; height: 1.375rem; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
    iframe { position: fixed; z-index: 2147483000; ${side}: 1rem; bottom: 5.25rem; width: min(25rem, 100vw - 2rem); height: min(42rem, 100dvh - 6.25rem);
      border: 1px solid rgb(0 0 0 / 18%); border-radius: 1.25rem; background: Canvas; box-shadow: 0 12px 48px rgb(0 0 0 / 28%); color-scheme: light dark; }
    iframe[hidden] { display: none; }
    @media (max-width: 30rem), (max-height: 30rem) {
      iframe { inset: 0; width: 100vw; height: calc(100dvh - 3.75rem); border: 0; border-radius: 0; box-shadow: none; }
      button.open { bottom: .25rem; }
    }`);
  root.adoptedStyleSheets = [sheet];
  host.style.setProperty("--colour", colour);
  host.style.setProperty("--text", textColour);

  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  button.append(drawing(), Object.assign(document.createElement("span"), { textContent: label }));
  root.append(button);

  let frame = null;

  function show(open) {
    if (open && !frame) {
      // Loaded only when it is first wanted, so that the brand's page stays quick.
      frame = Object.assign(document.createElement("iframe"), { src: `${origin}/chat`, title, allow: "" });
      root.prepend(frame);
    }
    if (frame) frame.hidden = !open;
    button.classList.toggle("open", open);
    button.classList.remove("new");
    button.setAttribute("aria-expanded", String(open));
    button.setAttribute("aria-label", open ? close : label);
    button.querySelector("path").setAttribute("d", open ? CROSS : BUBBLE);
    // In: the frame takes the keyboard; out: the button that opened it has it back.
    (open ? frame : button).focus();
  }

  button.addEventListener("click", () => show(!frame || frame.hidden));
  host.addEventListener("keydown", (event) => event.key === "Escape" && frame && !frame.hidden && show(false));
  addEventListener("message", ({ source, origin: from, data }) => {
    if (!frame || source !== frame.contentWindow || from !== origin) return;
    if (data?.parley === "close" && !frame.hidden) show(false);
    if (data?.parley === "said" && frame.hidden) {
      button.classList.add("new");
      button.setAttribute("aria-label", `${label} (${data.n})`);
    }
  });

  function drawing() {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", BUBBLE);
    svg.append(path);
    return svg;
  }

  const place = () => document.body.append(host);
  if (document.body) place();
  else addEventListener("DOMContentLoaded", place);
})();
