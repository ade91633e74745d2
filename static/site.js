/* Everything the pages need besides htmx. External file, no eval, no innerHTML: works under
   script-src 'self'; style-src 'self'; require-trusted-types-for 'script'; trusted-types htmx */
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const no = () => {
    throw new Error("eval is off: use site.js instead of hx-on, js: or trigger [filters]");
  };
  document.documentElement.classList.add("js");

  // htmx 4: give its parser a Trusted Types policy and remove its two code constructors.
  htmx.registerExtension("app-csp", {
    init(api) {
      const policy = window.trustedTypes
        ? trustedTypes.createPolicy("htmx", { createHTML: (text) => text, createScript: no })
        : null;
      api.initSecurity(policy, no, no);
    },
  });

  // ---- Dialogs. A fragment that lands in one opens it; the server closes it with  HX-Trigger: close-dialog
  const BOXES = { "drawer-body": "drawer", "dialog-body": "dialog" };
  let back = null; // the list behind the drawer, filters included

  function open(dialog) {
    dialog.removeAttribute("open"); // drawn open by the server, for readers without this script
    dialog.showModal();
  }

  document.addEventListener("htmx:after:swap", (event) => {
    const { target, response, sourceElement } = event.detail.ctx;
    const id = BOXES[target?.id];
    // The event fires after a skipped 5xx swap too.
    if (id && (response?.status < 400 || response?.status === 422) && !isPoll(sourceElement)) {
      const dialog = $("#" + id);
      if (!dialog.open) open(dialog);
      ($("[autofocus]", dialog) || dialog).focus();
    }
    toasts();
  });
  document.addEventListener("close-dialog", () => $("#dialog")?.close());

  for (const dialog of document.querySelectorAll("dialog")) {
    const list = dialog.dataset.list;
    if (dialog.hasAttribute("data-open")) open(dialog);
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // the backdrop
    });
    dialog.addEventListener("close", () => {
      if (list && location.pathname !== list) history.replaceState(null, "", back || list);
      back = null;
      $("#" + dialog.id + "-body")?.replaceChildren(); // a secret does not stay behind
    });
  }

  // ---- Requests. Polling stops in a hidden tab, while paused, and under an open dialog.
  const isPoll = (element) => Boolean(element?.hasAttribute?.("data-poll"));
  const paused = () => $("[data-pause]")?.getAttribute("aria-pressed") === "true";

  document.addEventListener("htmx:before:request", (event) => {
    const { sourceElement, target, request } = event.detail.ctx;
    if (isPoll(sourceElement)) {
      const over = $("dialog[open]");
      if (document.hidden || (over ? !over.contains(sourceElement) : paused())) event.preventDefault();
      else request.headers["X-Poll"] = "1"; // a page that refreshes itself keeps nobody signed in
      return;
    }
    if (target?.id === "drawer-body") back ??= location.href;
    document.body.classList.add("busy");
  });
  document.addEventListener("htmx:finally:request", () => document.body.classList.remove("busy"));

  // ---- Toasts: the top layer keeps them above dialogs; success leaves after 6 s, problems stay.
  const host = $("#toasts");
  function toasts() {
    if (!host.childElementCount) return;
    host.hidePopover();
    host.showPopover();
    for (const toast of host.children) {
      if (toast.dataset.seen) continue;
      toast.dataset.seen = "1";
      if (toast.classList.contains("ok")) setTimeout(() => toast.remove(), 6000);
    }
  }
  function fail() {
    const toast = document.createElement("div");
    const text = document.createElement("p");
    const dismiss = document.createElement("button");
    toast.className = "toast bad";
    text.textContent = document.body.dataset.netError;
    dismiss.type = "button";
    dismiss.className = "btn";
    dismiss.dataset.dismiss = "";
    dismiss.textContent = document.body.dataset.dismiss;
    toast.append(text, dismiss);
    host.append(toast);
    toasts();
  }
  host.showPopover?.();

  // ---- A lost connection: what refreshes itself says since when it stands still, until an answer comes.
  const lost = $("#lost");
  function stand() {
    if (!lost.hidden) return;
    const clock = new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
    $("bdi", lost).textContent = clock;
    lost.hidden = false;
  }
  const go = () => (lost.hidden = true);
  window.addEventListener("offline", stand);
  window.addEventListener("online", go);
  document.addEventListener("htmx:after:request", (event) => event.detail.ctx.response.status < 500 && go());
  document.addEventListener("htmx:response:error", (event) => {
    const { response, sourceElement } = event.detail.ctx;
    if (response.status >= 500) isPoll(sourceElement) ? stand() : fail();
  });
  document.addEventListener("htmx:error", (event) => {
    const { response, sourceElement } = event.detail.ctx ?? {};
    if (response || event.detail.error?.name === "AbortError") return;
    isPoll(sourceElement) ? stand() : fail();
  });

  // ---- A long file: how many of its rows are here, and a way to stop. Without this script the browser does it alone.
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
    toasts();
    return { toast, progress };
  }
  function save(parts, name) {
    const file = document.createElement("a");
    file.href = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
    file.download = name;
    file.click();
    setTimeout(() => URL.revokeObjectURL(file.href), 60000);
  }
  async function download(link) {
    const stop = new AbortController();
    const { toast, progress } = bar(link, () => stop.abort());
    try {
      const answer = await fetch(link.href, { headers: { "X-Progress": "1" }, signal: stop.signal });
      if (!answer.ok) throw new Error(answer.status);
      if (answer.redirected) return location.reload(); // signed out meanwhile
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
      if (error.name !== "AbortError") fail();
    } finally {
      toast.remove();
    }
  }

  // ---- Buttons
  function swapIcon(button, from, to) {
    const use = $("use", button);
    use.setAttribute("href", use.getAttribute("href").replace("#" + from, "#" + to));
  }
  const acts = {
    async copy(button) {
      await navigator.clipboard.writeText(button.dataset.copy || $("code", button.parentElement).textContent);
      const label = button.getAttribute("aria-label");
      swapIcon(button, "copy", "check");
      button.setAttribute("aria-label", button.dataset.done);
      setTimeout(() => {
        swapIcon(button, "check", "copy");
        button.setAttribute("aria-label", label);
      }, 1600);
    },
    close(button, event) {
      const dialog = button.closest("dialog");
      if (!dialog) return; // on a page of its own the link leads back
      event.preventDefault();
      dialog.close();
    },
    dismiss(button) {
      button.closest(".toast")?.remove();
    },
    reveal(button) {
      const field = document.getElementById(button.dataset.reveal);
      const show = field.type === "password";
      field.type = show ? "text" : "password";
      button.setAttribute("aria-pressed", String(show));
      swapIcon(button, show ? "eye" : "eye-off", show ? "eye-off" : "eye");
    },
    pause(button) {
      const pressed = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(pressed));
      button.closest(".live").classList.toggle("on", !pressed);
    },
    print() {
      window.print();
    },
    export(link, event) {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      download(link);
    },
  };
  document.addEventListener("click", (event) => {
    for (const [name, act] of Object.entries(acts)) {
      const button = event.target.closest?.(`[data-${name}]`);
      if (button && button !== document.body) act(button, event);
    }
  });
  document.addEventListener("submit", (event) => {
    // A password that was shown goes out as a password, so that browsers offer to keep it.
    for (const button of event.target.querySelectorAll("[data-reveal][aria-pressed=true]")) acts.reveal(button);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input,select,textarea,[contenteditable]")) return;
    const search = $("input[type=search]");
    if (!search || $("dialog[open]")) return;
    event.preventDefault();
    search.focus();
  });

  // ---- Samples: one choice of language holds for all of them, here and on the next page.
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

  // ---- Relative times age with the page.
  const UNITS = [
    ["year", 31536000],
    ["month", 2592000],
    ["week", 604800],
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
    ["second", 1],
  ];
  const lang = document.documentElement.lang;
  const relative = new Intl.RelativeTimeFormat(lang === "ar" ? "ar-MR" : lang, { style: "short" });
  function age() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
      const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) / size >= 0.85) ?? UNITS.at(-1);
      const text =
        Math.abs(seconds) < 5 ? document.body.dataset.now : relative.format(Math.round(seconds / size), unit);
      if (time.textContent !== text) time.textContent = text;
    }
  }
  setInterval(() => document.hidden || age(), 5000);

  // ---- New rows come in by themselves only when nobody reads: at the top of the page, half a minute without a touch.
  const IDLE = 30000;
  let touched = Date.now();
  for (const name of ["pointermove", "pointerdown", "keydown", "scroll", "wheel", "touchstart"]) {
    document.addEventListener(name, () => (touched = Date.now()), { passive: true });
  }
  setInterval(() => {
    const link = $("[data-when-idle]");
    if (link && !document.hidden && window.scrollY < 8 && Date.now() - touched > IDLE && !$("dialog[open]"))
      link.click();
  }, 2000);

  // ---- Charts: the data table under each chart is the only data source of the tooltip.
  const state = new WeakMap();
  function show(c, i) {
    const f = c.closest("[data-chart]"),
      rows = f.querySelectorAll("tbody tr"),
      bars = !!$("rect", c),
      n = rows.length;
    i = Math.max(0, Math.min(n - 1, i));
    state.set(c, i);
    const at = bars ? (i + 0.5) / n : i / (n - 1),
      tip = $(".tip", c),
      cross = $(".cross", c);
    const heads = f.querySelectorAll("thead th"),
      cells = rows[i].children,
      text = [];
    tip.replaceChildren();
    [...cells].forEach((cell, k) => {
      const p = document.createElement("p"),
        a = document.createElement("span");
      a.textContent = k ? heads[k].textContent : cell.textContent;
      p.append(a);
      if (k) {
        const v = document.createElement("b");
        v.textContent = cell.textContent;
        p.append(v);
      }
      tip.append(p);
      text.push(k ? heads[k].textContent + " " + cell.textContent : cell.textContent);
    });
    tip.hidden = cross.hidden = false;
    cross.style.insetInlineStart = at * 100 + "%"; // CSSOM is allowed by style-src 'self'
    tip.style.insetInlineStart = at < 0.5 ? `calc(${at * 100}% + 10px)` : "auto";
    tip.style.insetInlineEnd = at < 0.5 ? "auto" : `calc(${(1 - at) * 100}% + 10px)`;
    return text.join(", ");
  }
  const hide = (c) => {
    $(".tip", c).hidden = $(".cross", c).hidden = true;
  };
  document.addEventListener("pointermove", (e) => {
    const c = e.target.closest?.(".canvas");
    if (!c) return;
    const r = c.getBoundingClientRect(),
      n = c.closest("[data-chart]").querySelectorAll("tbody tr").length;
    let x = (e.clientX - r.left) / r.width;
    if (getComputedStyle(c).direction === "rtl") x = 1 - x;
    show(c, $("rect", c) ? Math.floor(x * n) : Math.round(x * (n - 1)));
  });
  document.addEventListener("pointerout", (e) => {
    const c = e.target.closest?.(".canvas");
    if (c && !c.contains(e.relatedTarget)) hide(c);
  });
  document.addEventListener("focusout", (e) => {
    if (e.target.classList?.contains("canvas")) hide(e.target);
  });
  document.addEventListener("keydown", (e) => {
    const c = e.target;
    if (!c.classList?.contains("canvas")) return;
    const d = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 }[e.key];
    if (e.key === "Escape") hide(c);
    if (!d) return;
    e.preventDefault();
    const k = Math.abs(d) === 1 && getComputedStyle(c).direction === "rtl" ? -d : d;
    $("[aria-live]", c.closest("[data-chart]")).textContent = show(c, (state.get(c) ?? (k > 0 ? -1 : 1e9)) + k);
  });
})();
