// A lost connection: what refreshes itself says since when it stands still, until an answer comes.
import { $, localeOf } from "./dom.js";
import { isPoll } from "./polling.js";
import { forgetFailures, reportFailure } from "./toasts.js";

const lost = $("#lost");

function showLost() {
  if (!lost.hidden) return;
  const clock = new Date().toLocaleTimeString(localeOf(document.documentElement.lang), {
    hour: "2-digit",
    minute: "2-digit",
  });
  $("bdi", lost).textContent = clock;
  lost.hidden = false;
}

function hideLost() {
  forgetFailures();
  lost.hidden = true;
}

window.addEventListener("offline", showLost);
window.addEventListener("online", hideLost);
document.addEventListener("htmx:after:request", (event) => event.detail.ctx.response.status < 500 && hideLost());
document.addEventListener("htmx:response:error", (event) => {
  const { response, sourceElement } = event.detail.ctx;
  if (response.status >= 500) isPoll(sourceElement) ? showLost() : reportFailure();
});
document.addEventListener("htmx:error", (event) => {
  const { response, sourceElement } = event.detail.ctx ?? {};
  if (response || event.detail.error?.name === "AbortError") return;
  isPoll(sourceElement) ? showLost() : reportFailure();
});
