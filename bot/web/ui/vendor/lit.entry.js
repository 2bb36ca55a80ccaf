// What lit.min.js is made from; vendored.json holds the command.
export { LitElement, html, css, nothing, render, svg } from "lit";
export { repeat } from "lit/directives/repeat.js";
export { live } from "lit/directives/live.js";
