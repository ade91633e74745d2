// What a button with data-NAME does.
import { $ } from "./dom.js";
import { download } from "./export.js";

function swapIcon(button, from, to) {
  const use = $("use", button);
  use.setAttribute("href", use.getAttribute("href").replace(`#${from}`, `#${to}`));
}
const acts = {
  async copy(button) {
    const source = document.getElementById(button.dataset.copyOf); // what stands there now: it may count down
    const text = source?.textContent.trim() || button.dataset.copy || $("code", button.parentElement).textContent;
    await navigator.clipboard.writeText(text);
    const label = button.getAttribute("aria-label");
    swapIcon(button, "copy", "check");
    button.setAttribute("aria-label", button.dataset.done);
    setTimeout(() => {
      swapIcon(button, "check", "copy");
      button.setAttribute("aria-label", label);
    }, 1600);
  },
  close(button, event) {
    const dialog = button.closest("dialog");
    if (!dialog) return; // on a page of its own the link leads back
    event.preventDefault();
    dialog.close();
  },
  dismiss(button) {
    button.closest(".toast")?.remove();
  },
  reveal(button) {
    const field = document.getElementById(button.dataset.reveal);
    const show = field.type === "password";
    field.type = show ? "text" : "password";
    button.setAttribute("aria-pressed", String(show));
    swapIcon(button, show ? "eye" : "eye-off", show ? "eye-off" : "eye");
  },
  pause(button) {
    const pressed = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(pressed));
    button.closest(".live").classList.toggle("on", !pressed);
  },
  print() {
    window.print();
  },
  export(link, event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    download(link);
  },
};
document.addEventListener("click", (event) => {
  for (const [name, act] of Object.entries(acts)) {
    const button = event.target.closest?.(`[data-${name}]`);
    if (button && button !== document.body) act(button, event);
  }
});
document.addEventListener("submit", (event) => {
  // A password that was shown goes out as a password, so that browsers offer to keep it.
  for (const button of event.target.querySelectorAll("[data-reveal][aria-pressed=true]")) acts.reveal(button);
});
document.addEventListener("change", (event) => {
  event.target.closest("form[data-submits]")?.requestSubmit();
});
