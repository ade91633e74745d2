// Toasts: the top layer keeps them above dialogs; success leaves after 6 s, after 10 s where it can be undone, problems stay.
import { $ } from "./dom.js";

export const host = $("#toasts");

export function showToasts() {
  if (!host.childElementCount) return;
  host.hidePopover();
  host.showPopover();
  for (const toast of host.children) {
    if (toast.dataset.seen) continue;
    toast.dataset.seen = "1";
    if (toast.classList.contains("ok")) leave(toast, $("[data-undo]", toast) ? 10000 : 6000);
  }
}

// Not while somebody reads it with the pointer or the keyboard on it.
function leave(element, wait) {
  setTimeout(() => (element.matches(":hover, :focus-within") ? leave(element, 2000) : element.remove()), wait);
}

// Say that the server did not answer, until it does.
export function reportFailure() {
  const toast = document.createElement("div");
  const text = document.createElement("p");
  const dismiss = document.createElement("button");
  toast.className = "toast bad";
  toast.dataset.unanswered = "";
  text.textContent = document.body.dataset.netError;
  dismiss.type = "button";
  dismiss.className = "btn";
  dismiss.dataset.dismiss = "";
  dismiss.textContent = document.body.dataset.dismiss;
  toast.append(text, dismiss);
  host.append(toast);
  showToasts();
}

export function forgetFailures() {
  for (const toast of host.querySelectorAll("[data-unanswered]")) toast.remove();
}

document.addEventListener("htmx:finally:request", (event) => {
  event.detail.ctx.sourceElement?.closest?.("[data-undo]")?.closest(".toast")?.remove();
});
host.showPopover?.();
for (const undo of document.querySelectorAll(".flashes [data-undo]")) leave(undo, 10000);
document.addEventListener("htmx:after:swap", showToasts);
