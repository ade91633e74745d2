// The data table under each chart is the only source of what its tooltip shows.
import { $ } from "./dom.js";

const shownIndex = new WeakMap(); // canvas → the row that its tooltip shows

const rowsOf = (canvas) => canvas.closest("[data-chart]").querySelectorAll("tbody tr");
const hasBars = (canvas) => Boolean($("rect", canvas));
const words = (cell) => cell.textContent.trim().replace(/\s+/g, " ");
const isMirrored = (canvas) => getComputedStyle(canvas).direction === "rtl";

function paragraph(label, value) {
  const line = document.createElement("p");
  const name = document.createElement("span");
  name.textContent = label;
  line.append(name);
  if (value !== undefined) {
    const figure = document.createElement("b");
    figure.textContent = value;
    line.append(figure);
  }
  return line;
}

// Show the tooltip of a row; return what it says.
function show(canvas, wanted) {
  const rows = rowsOf(canvas);
  const index = Math.max(0, Math.min(rows.length - 1, wanted));
  shownIndex.set(canvas, index);
  const heads = canvas.closest("[data-chart]").querySelectorAll("thead th");
  const [first, ...values] = rows[index].children;
  const tip = $(".tip", canvas);
  const cross = $(".cross", canvas);
  tip.replaceChildren(
    paragraph(words(first)),
    ...values.map((cell, column) => paragraph(heads[column + 1].textContent, words(cell))),
  );
  tip.hidden = cross.hidden = false;
  const at = hasBars(canvas) ? (index + 0.5) / rows.length : index / (rows.length - 1);
  cross.style.insetInlineStart = `${at * 100}%`; // CSSOM is allowed by style-src 'self'
  tip.style.insetInlineStart = at < 0.5 ? `calc(${at * 100}% + 10px)` : "auto";
  tip.style.insetInlineEnd = at < 0.5 ? "auto" : `calc(${(1 - at) * 100}% + 10px)`;
  const told = values.map((cell, column) => `${heads[column + 1].textContent} ${words(cell)}`);
  return [words(first), ...told].join(", ");
}

function hide(canvas) {
  $(".tip", canvas).hidden = $(".cross", canvas).hidden = true;
}

document.addEventListener("pointermove", (event) => {
  const canvas = event.target.closest?.(".canvas");
  if (!canvas) return;
  const box = canvas.getBoundingClientRect();
  const count = rowsOf(canvas).length;
  const fromLeft = (event.clientX - box.left) / box.width;
  const x = isMirrored(canvas) ? 1 - fromLeft : fromLeft;
  show(canvas, hasBars(canvas) ? Math.floor(x * count) : Math.round(x * (count - 1)));
});

document.addEventListener("pointerout", (event) => {
  const canvas = event.target.closest?.(".canvas");
  if (canvas && !canvas.contains(event.relatedTarget)) hide(canvas);
});

document.addEventListener("focusout", (event) => {
  if (event.target.classList?.contains("canvas")) hide(event.target);
});

// A click, or Enter, opens the log of what is shown.
function follow(canvas) {
  $("th a", rowsOf(canvas)[shownIndex.get(canvas)] ?? canvas)?.click();
}

document.addEventListener("click", (event) => {
  const canvas = event.target.closest?.(".canvas.links");
  if (canvas) follow(canvas);
});

const STEPS = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 };

document.addEventListener("keydown", (event) => {
  const canvas = event.target;
  if (!canvas.classList?.contains("canvas")) return;
  if (event.key === "Escape") hide(canvas);
  if (event.key === "Enter") follow(canvas);
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const forward = Math.abs(step) === 1 && isMirrored(canvas) ? -step : step;
  const from = shownIndex.get(canvas) ?? (forward > 0 ? -1 : 1e9);
  $("[aria-live]", canvas.closest("[data-chart]")).textContent = show(canvas, from + forward);
});
