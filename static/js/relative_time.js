// Relative times age with the page.
import { localeOf } from "./dom.js";

const UNITS = [
  ["year", 31536000],
  ["month", 2592000],
  ["week", 604800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];
const relative = new Intl.RelativeTimeFormat(localeOf(document.documentElement.lang), { style: "short" });
function age() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) / size >= 0.85) ?? UNITS.at(-1);
    const text = Math.abs(seconds) < 5 ? document.body.dataset.now : relative.format(Math.round(seconds / size), unit);
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(() => document.hidden || age(), 5000);
