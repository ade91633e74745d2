// Toasts: the top layer keeps them above dialogs; success leaves after 6 s, problems stay.
import { $ } from "./dom.js";

export const host = $("#toasts");

export function showToasts() {
  if (!host.childElementCount) return;
  host.hidePopover();
  host.showPopover();
  for (const toast of host.children) {
    if (toast.dataset.seen) continue;
    toast.dataset.seen = "1";
    if (toast.classList.contains("ok")) setTimeout(() => toast.remove(), 6000);
  }
}

// Say that the server did not answer.
export function reportFailure() {
  const toast = document.createElement("div");
  const text = document.createElement("p");
  const dismiss = document.createElement("button");
  toast.className = "toast bad";
  text.textContent = document.body.dataset.netError;
  dismiss.type = "button";
  dismiss.className = "btn";
  dismiss.dataset.dismiss = "";
  dismiss.textContent = document.body.dataset.dismiss;
  toast.append(text, dismiss);
  host.append(toast);
  showToasts();
}

host.showPopover?.();
document.addEventListener("htmx:after:swap", showToasts);
