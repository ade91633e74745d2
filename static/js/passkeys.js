// Passkeys: before a form with input[data-passkey] is sent, the browser asks its person, and the input holds the answer.
// What only makes sense with passkeys is shown where the browser knows them.
import { $ } from "./dom.js";

const isKnown = typeof window.PublicKeyCredential?.parseRequestOptionsFromJSON === "function";
const calls = {
  create: (told) => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(told) }),
  get: (told) => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(told) }),
};

if (isKnown) for (const part of document.querySelectorAll("[data-needs-passkeys]")) part.hidden = false;

document.addEventListener(
  "submit",
  async (event) => {
    const form = event.target;
    const field = $("input[data-passkey]", form);
    if (!field || field.value) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // htmx sends nothing yet
    const fault = $("[data-passkey-fault]", form);
    fault.hidden = true;
    try {
      field.value = JSON.stringify(await calls[field.dataset.passkey](JSON.parse(field.dataset.options)));
      form.requestSubmit();
    } catch {
      fault.hidden = false; // the person said no, the device did, or the browser knows no passkeys
    }
  },
  true,
);
window.addEventListener("pageshow", () => {
  // A page that comes back from the browser's memory asks anew.
  for (const field of document.querySelectorAll("input[data-passkey=get]")) field.value = "";
});
