// Selected rows of a list: all of a page at once, a range with Shift, and how many there are.
import { $, localeOf } from "./dom.js";

const LIST = "#results";
const boxes = () => [...document.querySelectorAll(`${LIST} [name=pick]`)];
let last = null; // the row that a range begins with
let kept = new Set(); // a poll that draws rows anew takes nothing out of the selection

function tell() {
  const all = boxes();
  const picked = all.filter((box) => box.checked);
  kept = new Set(picked.map((box) => box.value));
  const whole = $("[data-pick-all]");
  if (!whole) return;
  whole.checked = picked.length > 0 && picked.length === all.length;
  whole.indeterminate = picked.length > 0 && picked.length < all.length;
  $("#picked-count").textContent = picked.length.toLocaleString(localeOf(document.documentElement.lang));
}

function pickRange(until) {
  const all = boxes();
  const from = all.findIndex((box) => box.value === last);
  const to = all.indexOf(until);
  if (from < 0) return;
  for (const box of all.slice(Math.min(from, to), Math.max(from, to) + 1)) box.checked = until.checked;
}

document.addEventListener("click", (event) => {
  if (!event.target.matches?.(`${LIST} [name=pick]`)) return;
  if (event.shiftKey) pickRange(event.target);
  last = event.target.value;
  tell();
});
document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-pick-all]")) return;
  for (const box of boxes()) box.checked = event.target.checked;
  tell();
});
document.addEventListener("htmx:after:swap", () => {
  for (const box of boxes()) if (kept.has(box.value)) box.checked = true;
  tell();
});
document.addEventListener("close-dialog", () => {
  for (const box of boxes()) box.checked = false; // what was selected is done
  tell();
});
