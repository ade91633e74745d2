// One choice of language holds for all of them, here and on the next page.
function speak(lang) {
  for (const radio of document.querySelectorAll(".samples input")) radio.checked ||= radio.value === lang;
}
try {
  speak(localStorage.getItem("sample") ?? "");
} catch {
  // storage is off: nothing is remembered
}
document.addEventListener("change", (event) => {
  if (!event.target.matches?.(".samples input")) return;
  speak(event.target.value);
  try {
    localStorage.setItem("sample", event.target.value);
  } catch {
    // storage is off
  }
});
