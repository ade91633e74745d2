// Polling stops in a hidden tab, while paused, and under an open dialog.
import { $ } from "./dom.js";

export const isPoll = (element) => Boolean(element?.hasAttribute?.("data-poll"));

const isPaused = () => $("[data-pause]")?.getAttribute("aria-pressed") === "true";

document.addEventListener("htmx:before:request", (event) => {
  const { sourceElement, request } = event.detail.ctx;
  if (!isPoll(sourceElement)) {
    document.body.classList.add("busy");
    return;
  }
  const over = $("dialog[open]");
  if (document.hidden || (over ? !over.contains(sourceElement) : isPaused())) event.preventDefault();
  else request.headers["X-Poll"] = "1"; // a page that refreshes itself keeps nobody signed in
});
document.addEventListener("htmx:finally:request", () => document.body.classList.remove("busy"));

// New rows come in by themselves only when nobody reads: at the top of the page, half a minute without a touch.
const IDLE = 30000;
let touched = Date.now();
function noteTouch() {
  touched = Date.now();
}
for (const name of ["pointermove", "pointerdown", "keydown", "scroll", "wheel", "touchstart"]) {
  document.addEventListener(name, noteTouch, { passive: true });
}
setInterval(() => {
  const link = $("[data-when-idle]");
  if (link && !document.hidden && window.scrollY < 8 && Date.now() - touched > IDLE && !$("dialog[open]")) link.click();
}, 2000);
