// Line drawings of the console, in the manner of parts.js.
import { html } from "/ui/vendor/lit.min.js";

const PATHS = {
  bell: "M4 11V7a4 4 0 0 1 8 0v4l1.25 1.5H2.75zM6.75 14.25h2.5",
  clip: "M11.5 5.5 6.6 10.4a1.2 1.2 0 0 0 1.7 1.7l5-5a2.6 2.6 0 0 0-3.7-3.7L4.4 8.6a4.03 4.03 0 0 0 5.7 5.7l3.9-3.9",
  lock: "M4 7.25h8v6.25H4zM5.5 7.25V5a2.5 2.5 0 0 1 5 0v2.25",
  clock: "M8 2.25a5.75 5.75 0 1 0 0 11.5 5.75 5.75 0 0 0 0-11.5ZM8 5v3.25l2.25 1.5",
  cup: "M3 5.5h8v5a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3zM11 6.5h1.25a1.75 1.75 0 0 1 0 3.5H11M5 1.75c-.6.7.6 1.15 0 1.9M7.5 1.75c-.6.7.6 1.15 0 1.9",
  talk: "M2.5 3h11v8H8l-3.25 2.5V11H2.5z",
  eye: "M1.75 8S4 3.75 8 3.75 14.25 8 14.25 8 12 12.25 8 12.25 1.75 8 1.75 8ZM8 6.25a1.75 1.75 0 1 0 0 3.5 1.75 1.75 0 0 0 0-3.5Z",
  cross: "M4 4l8 8M12 4l-8 8",
  back: "M10 3 5 8l5 5",
  struck: "M8 2.25a5.75 5.75 0 1 0 0 11.5 5.75 5.75 0 0 0 0-11.5ZM4 4l8 8",
};

/** A small drawing in the colour of its text, unseen by screen readers. */
export function sign(name) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${PATHS[name]}></path></svg>`;
}
