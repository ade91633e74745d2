// Addresses and the Back button. The drawer and settled filters are entries of their own: Back closes the drawer, then
// undoes the filter. htmx makes the entries; a page of an earlier one is loaded anew, except for the list behind the drawer.
import { $ } from "./dom.js";

const drawer = $("#drawer");
const pathOf = (url) => url.pathname + url.search;
let behind = ""; // the list under the drawer, filters included
let depth = 0; // entries that were made since the drawer opened
let opener = null; // the link that opened it, which gets the focus back

// Without parameters that say nothing.
function cleaned(path) {
  const url = new URL(path, location.href);
  for (const [name, value] of [...url.searchParams]) if (!value) url.searchParams.delete(name, value);
  return pathOf(url);
}

// Letters that follow each other in the search box make one entry.
function isTyping(path) {
  const [now, next] = [location.search, new URL(path, location.href).search].map((text) => new URLSearchParams(text));
  if (!now.get("q") || now.get("q") === next.get("q")) return false;
  now.delete("q");
  next.delete("q");
  return String(now) === String(next);
}

document.addEventListener("htmx:before:history:update", (event) => {
  const update = event.detail.history;
  update.path = cleaned(update.path);
  if (update.path === pathOf(location) || isTyping(update.path)) update.type = "replace";
  else if (event.detail.sourceElement?.getAttribute("hx-target") === "#drawer-body" && !behind) {
    behind = pathOf(location);
    opener = event.detail.sourceElement;
  }
});

document.addEventListener("htmx:after:history:push", () => {
  if (behind) depth += 1;
});

// Back at the list: it is still there, and is not asked for again.
document.addEventListener("htmx:before:history:restore", (event) => {
  if (!behind || event.detail.path !== behind) return;
  event.preventDefault();
  behind = "";
  depth = 0;
  drawer.close();
  const focus = () => opener?.focus(); // the browser takes the focus away at the end of such a step
  window.navigation?.addEventListener("navigatesuccess", focus, { once: true });
});

drawer?.addEventListener("close", () => {
  const { list } = drawer.dataset;
  if (depth) history.go(-depth);
  else if (location.pathname !== list) history.replaceState({ htmx: true }, "", behind || list);
  if (!depth) behind = "";
});
