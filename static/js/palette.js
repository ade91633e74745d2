// The palette (Ctrl K) and the keys that lead somewhere. Every place that they lead to has a link, too.
import { $ } from "./dom.js";

const palette = $("#palette");
const box = palette && $("[role=combobox]", palette);
const SWITCH = "single-keys"; // where it is remembered that single letters are off
let isGoing = false; // "g" was pressed, and a letter is to come
let asked = null; // what was last asked for
let shown = null; // what the options stand for that are there; null while they are on their way
let isEntered = false; // Enter was pressed before they came
let steppedTo = null; // the address that arrows led to since something was typed: answers that come late keep it

const options = () => [...palette.querySelectorAll("[role=option]")];
const chosen = () => $("[aria-selected=true]", palette);

function choose(option) {
  chosen()?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  box.setAttribute("aria-expanded", String(Boolean(option)));
  if (option) box.setAttribute("aria-activedescendant", option.id);
  else box.removeAttribute("aria-activedescendant");
}

function openPalette() {
  if ($("dialog[open]:modal")) return;
  palette.showModal();
  shown = null;
  isEntered = false;
  steppedTo = null;
  box.select();
  htmx.process(palette); // at once: htmx begins a moment after the page is there
  htmx.trigger(box.form, "opened");
}

function step(by) {
  const all = options();
  if (!all.length) return;
  choose(all.at((all.indexOf(chosen() ?? all[0]) + by) % all.length));
  steppedTo = chosen().href;
}

// Never to a place of what was typed before.
function enter() {
  isEntered = shown !== box.value;
  if (!isEntered) (chosen() ?? options()[0])?.click();
}

const KEYS_OF_BOX = { ArrowDown: () => step(1), ArrowUp: () => step(-1), Enter: enter };

// What a key stands for: what it writes; of keyboards of other scripts what lies there on a Latin one.
function meaningOf(event) {
  if (event.key === "؟") return "?";
  if (/^[\p{ASCII}\p{Script=Latin}]/u.test(event.key)) return event.key.toLowerCase();
  if (event.code === "Slash") return event.shiftKey ? "?" : "/";
  return event.code.replace("Key", "").toLowerCase();
}

function areSingleKeysOn() {
  try {
    return localStorage.getItem(SWITCH) !== "off";
  } catch {
    return true; // storage is off
  }
}

function search(event) {
  const here = $("main input[type=search]");
  if (!here && !palette) return;
  event.preventDefault();
  if (here) here.focus();
  else openPalette();
}

function pressSingle(event) {
  const key = meaningOf(event);
  const link = isGoing && $(`#nav [data-go="${CSS.escape(key)}"] a`);
  isGoing = !isGoing && key === "g";
  if (link) link.click();
  else if (key === "/") search(event);
  else if (key === "?") $("[data-shortcuts]")?.click();
}

if (palette) {
  box.addEventListener("keydown", (event) => {
    const act = KEYS_OF_BOX[event.key];
    if (!act || event.isComposing) return;
    event.preventDefault();
    act();
  });
  $("form", palette).addEventListener("submit", (event) => event.preventDefault());
  box.addEventListener("input", () => {
    isEntered = false;
    steppedTo = null;
  });
  document.addEventListener("htmx:before:request", (event) => {
    if (event.detail.ctx.sourceElement === box.form) asked = box.value;
  });
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx.sourceElement !== box.form) return;
    shown = asked;
    choose(options().find((option) => option.href === steppedTo) ?? options()[0]);
    if (isEntered) enter();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-palette]") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      openPalette();
    } else if (event.target.closest?.("[data-shortcuts]")) palette.close();
  });
  document.addEventListener("htmx:after:swap", () => {
    const box = $("[data-single-keys]");
    if (box) box.checked = areSingleKeysOn();
  });
  document.addEventListener("change", (event) => {
    if (!event.target.matches?.("[data-single-keys]")) return;
    try {
      localStorage.setItem(SWITCH, event.target.checked ? "on" : "off");
    } catch {
      // storage is off
    }
  });
}

// Single keys work for those who are not signed in, too: "/" leads to the search of the documentation.
document.addEventListener("keydown", (event) => {
  const isCommand = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  if (palette && isCommand && meaningOf(event) === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  const isTyped = event.target.closest?.("input,select,textarea,[contenteditable]");
  if (isTyped || event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]") || !areSingleKeysOn()) return;
  pressSingle(event);
});
