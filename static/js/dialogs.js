// Dialogs: a fragment that lands in one opens it; the server closes it with  HX-Trigger: close-dialog
import { $ } from "./dom.js";
import { isPoll } from "./polling.js";

const BOXES = { "drawer-body": "drawer", "dialog-body": "dialog" };

function open(dialog) {
  dialog.removeAttribute("open"); // drawn open by the server, for readers without this script
  dialog.showModal();
}

document.addEventListener("htmx:after:swap", (event) => {
  const { target, response, sourceElement } = event.detail.ctx;
  const id = BOXES[target?.id];
  // The event fires after a skipped 5xx swap too.
  if (id && (response?.status < 400 || [409, 422].includes(response?.status)) && !isPoll(sourceElement)) {
    const dialog = $(`#${id}`);
    if (!$(`#${target.id}`).childElementCount) return; // it was closed before this event came
    if (!dialog.open) open(dialog);
    ($("[autofocus]", dialog) || dialog).focus();
  }
});

document.addEventListener("close-dialog", () => $("#dialog")?.close());

for (const dialog of document.querySelectorAll("dialog")) {
  if (dialog.hasAttribute("data-open")) open(dialog);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // the backdrop
  });
  dialog.addEventListener("close", () => {
    $(`#${dialog.id}-body`)?.replaceChildren(); // a secret does not stay behind
  });
}
