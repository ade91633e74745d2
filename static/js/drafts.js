// What was typed into a form when its session had ended: kept in this tab alone, never a secret, and put back after the
// sign-in, in the same dialog, for the same person.
import { $ } from "./dom.js";

const PLACE = "draft";
const LIFETIME = 3600000; // ms
const TYPED = "input:not([type=hidden],[type=password],[type=file],[data-secret]),select,textarea:not([data-secret])";
let dialogUrl = ""; // where the open dialog's content came from
let sent = null; // the form that was sent last

const person = () => $(".avatar")?.getAttribute("aria-label");

function valuesOf(form) {
  return [...form.querySelectorAll(TYPED)]
    .filter((field) => field.name)
    .map((field) => [
      field.name,
      field.matches("[type=checkbox],[type=radio]") ? [field.value, field.checked] : field.value,
    ]);
}

function fill(form, values) {
  for (const [name, value] of values) {
    for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
      if (!field.matches(TYPED)) continue;
      if (!Array.isArray(value)) field.value = value;
      else if (field.value === value[0]) field.checked = value[1];
    }
  }
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

function keep(form) {
  const draft = { at: Date.now(), page: location.href, dialogUrl, person: person() };
  draft.action = form.getAttribute("action");
  draft.values = valuesOf(form);
  try {
    sessionStorage.setItem(PLACE, JSON.stringify(draft));
  } catch {
    // storage is off: what was typed is lost, as the sign-in page says
  }
}

function take() {
  try {
    const draft = JSON.parse(sessionStorage.getItem(PLACE));
    if (draft?.page !== location.href) return null;
    sessionStorage.removeItem(PLACE);
    return Date.now() - draft.at < LIFETIME && draft.person === person() ? draft : null;
  } catch {
    return null;
  }
}

async function restore() {
  const draft = person() && take();
  if (!draft) return;
  if (draft.dialogUrl) await htmx.ajax("GET", draft.dialogUrl, { target: "#dialog-body", source: "#dialog-body" });
  const form = [...document.forms].find((form) => form.getAttribute("action") === draft.action);
  if (form) fill(form, draft.values);
}

document.addEventListener("htmx:before:request", (event) => {
  const { sourceElement, target, request } = event.detail.ctx;
  if (request.method !== "GET") sent = sourceElement?.closest?.("form");
  else if (target?.id === "dialog-body") dialogUrl = request.action;
});
document.addEventListener("htmx:after:request", (event) => {
  const { response, request } = event.detail.ctx;
  if (response?.status === 401 && request.method !== "GET" && sent) keep(sent);
});
$("#dialog")?.addEventListener("close", () => {
  dialogUrl = "";
});
document.addEventListener("DOMContentLoaded", restore);
