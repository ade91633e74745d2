// A wait that runs down. The element says when it ends (data-until), by the server's clock (data-now); then it asks again.
import { $, localeOf } from "./dom.js";

const SHORT = 90; // seconds; longer waits are told in minutes, as the server tells them
const ANNOUNCED = [40, 10, 0];
const AGAIN = 5; // seconds after an end that was not answered
const starts = new WeakMap(); // element → what it was drawn with

function startOf(element) {
  const { until, now } = element.dataset;
  let start = starts.get(element);
  if (start?.now !== now) {
    const ahead = Date.now() - Date.parse(now);
    start = { now, end: Date.parse(until) + ahead, whole: Math.max(1, Date.parse(until) - Date.parse(now)) };
    starts.set(element, start);
  }
  return start;
}

function inWords(seconds, lang) {
  const [amount, unit] = seconds <= SHORT ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return new Intl.NumberFormat(localeOf(lang), { style: "unit", unit, unitDisplay: "long" }).format(amount);
}

function asClock(seconds) {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, place) => String(part).padStart(place ? 2 : 1, "0")).join(":");
}

function show(element) {
  const { end, whole } = startOf(element);
  const left = Math.ceil((end - Date.now()) / 1000);
  const shown = Math.max(0, left);
  for (const place of element.querySelectorAll("[data-left]")) {
    place.textContent = inWords(Math.max(1, shown), place.closest("[lang]").lang);
  }
  $("[data-clock]", element).textContent = asClock(shown);
  $(".ring", element).setAttribute("stroke-dasharray", `${Math.min(100, (shown * 100000) / whole)} 100`);
  if (ANNOUNCED.includes(left))
    $("[data-announce]", element).textContent = inWords(left, document.documentElement.lang);
  if (left <= 0 && left % AGAIN === 0 && !document.hidden) htmx.trigger(element, "due");
}

function tick() {
  for (const element of document.querySelectorAll("[data-until]")) show(element);
}

tick();
document.addEventListener("htmx:after:swap", tick);
setInterval(tick, 1000);
