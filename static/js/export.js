// A long file: how many of its rows are here, and a way to stop. Without this script the browser does it alone.
import { host, reportFailure, showToasts } from "./toasts.js";

function bar(link, stop) {
  const toast = document.createElement("div");
  const text = document.createElement("p");
  const progress = document.createElement("progress");
  const cancel = document.createElement("button");
  toast.className = "toast loading";
  text.textContent = link.dataset.export;
  progress.setAttribute("aria-label", link.dataset.export);
  cancel.type = "button";
  cancel.className = "btn sm";
  cancel.textContent = link.dataset.cancel;
  cancel.addEventListener("click", stop);
  toast.append(text, progress, cancel);
  host.append(toast);
  showToasts();
  return { toast, progress };
}
function save(parts, name) {
  const file = document.createElement("a");
  file.href = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
  file.download = name;
  file.click();
  setTimeout(() => URL.revokeObjectURL(file.href), 60000);
}
export async function download(link) {
  const stop = new AbortController();
  const { toast, progress } = bar(link, () => stop.abort());
  try {
    const answer = await fetch(link.href, { headers: { "X-Progress": "1" }, signal: stop.signal });
    if (!answer.ok) throw new Error(answer.status);
    if (answer.redirected) return location.assign(answer.url); // signed out meanwhile, or asked for the password
    const parts = [];
    let rows = 0;
    progress.max = Number(answer.headers.get("X-Rows")) || 1;
    for (const reader = answer.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      for (const byte of value) rows += byte === 13; // each row ends with CR LF
      progress.value = Math.min(rows, progress.max);
    }
    save(parts, /filename=(\S+)/.exec(answer.headers.get("Content-Disposition"))[1]);
  } catch (error) {
    if (error.name !== "AbortError") reportFailure();
  } finally {
    toast.remove();
  }
}
