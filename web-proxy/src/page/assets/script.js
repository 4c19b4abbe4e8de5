// Makes the pages live: what changed in the cluster is fetched as a page again and put over the old one.
// Every page works without it. Text from the cluster only ever becomes text, never markup of ours.
// Not here: the log of a task (log.js) and setting the theme before the first paint (theme.js).
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const remembered = (name, fallback) => {
    try { return JSON.parse(localStorage.getItem(name)) ?? fallback; } catch { return fallback; }
  };
  const remember = (name, value) => {
    try { localStorage.setItem(name, JSON.stringify(value)); } catch { /* Forbidden: until the page is left. */ }
  };

  // Times, in the words of format.rs, counted by the server's clock.
  const skew = Date.parse(document.documentElement.dataset.now) - Date.now() || 0;
  const units = [[86400, "d", 3600, "h"], [3600, "h", 60, "m"], [60, "m", 1, "s"]];

  function duration(seconds) {
    seconds = Math.max(0, Math.trunc(seconds));
    for (const [whole, unit, part, lesser] of units) {
      if (seconds < whole) continue;
      const rest = Math.trunc(seconds % whole / part);
      return Math.trunc(seconds / whole) + unit + (rest ? String(rest).padStart(2, "0") + lesser : "");
    }
    return seconds + "s";
  }

  function ago(at, now) {
    const distance = Math.trunc((now - at) / 1000);
    const size = Math.abs(distance);
    if (size < 45 && distance >= 0) return "just now";
    if (size >= 2592000) return new Date(at).toISOString().slice(0, 10);
    const amount = size < 90 ? "1 min"
      : size < 3570 ? Math.trunc((size + 30) / 60) + " min"
      : size < 172800 ? Math.trunc((size + 1800) / 3600) + " h"
      : Math.trunc(size / 86400) + " d";
    return distance < 0 ? "in " + amount : amount + " ago";
  }

  function say(element, text) {
    if (element && element.textContent !== text) element.textContent = text;
  }

  function tick() {
    if (document.hidden) return;
    const now = Date.now() + skew;
    for (const one of all("[data-since]")) say(one, duration((now - Date.parse(one.dataset.since)) / 1000));
    for (const one of all("time[datetime]")) say(one, ago(Date.parse(one.dateTime), now));
  }

  // Shows what only works with the script, and exact times in the reader's own zone.
  function decorate(root = document) {
    for (const one of all("[data-copy][hidden]", root)) one.hidden = false;
    for (const one of all("time[datetime]", root)) one.title = new Date(one.dateTime).toLocaleString();
    for (const one of all("[data-notify]", root)) {
      one.hidden = !("Notification" in window);
      one.setAttribute("aria-pressed", String(remembered("notify", []).includes(one.dataset.notify)));
    }
    tick();
  }

  // Copying. Without https there is no clipboard but the selection's.
  async function copy(button) {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      button.after(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    const place = button.querySelector("code") ?? button;
    const before = button.dataset.label ??= place.textContent;
    say(place, "Copied");
    setTimeout(() => say(place, before), 1200);
  }

  // Theme: the system's, or one of two.
  function theme() {
    const button = document.getElementById("theme");
    const themes = ["auto", "light", "dark"];
    let chosen = document.documentElement.dataset.theme ?? "auto";
    const show = () => say(button.querySelector(".chosen"), chosen);
    button.hidden = false;
    button.addEventListener("click", () => {
      chosen = themes[(themes.indexOf(chosen) + 1) % themes.length];
      try { localStorage.setItem("theme", chosen); } catch { /* Forbidden: until the page is left. */ }
      if (chosen === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = chosen;
      show();
    });
    show();
  }

  // A question becomes a dialog, which keeps the focus.
  function ask(details) {
    const question = details.querySelector(".question");
    const keep = question.querySelector("[data-close]");
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-labelledby", question.getAttribute("aria-labelledby"));
    dialog.append(question);
    document.body.append(dialog);
    keep.hidden = false;
    keep.onclick = () => dialog.close();
    dialog.addEventListener("close", () => {
      details.append(question);
      dialog.remove();
      details.querySelector("summary").focus();
    });
    dialog.showModal();
    keep.focus();
  }

  // Puts a fresh element over an old one and changes only what differs, so that the focus, a selection and what
  // is folded open stay.
  function morph(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(document.importNode(fresh, true));
    if (old.nodeType !== Node.ELEMENT_NODE) return void (old.data === fresh.data || (old.data = fresh.data));
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    const keyed = new Map([...old.children].filter((child) => child.dataset.key).map((child) => [child.dataset.key, child]));
    let at = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      const same = child.dataset?.key ? keyed.get(child.dataset.key) : at;
      if (!same) {
        old.insertBefore(document.importNode(child, true), at);
        continue;
      }
      if (same === at) at = at.nextSibling;
      else old.insertBefore(same, at);
      morph(same, child);
    }
    while (at) {
      const rest = at.nextSibling;
      at.remove();
      at = rest;
    }
  }

  // Live pages.
  const task = document.querySelector("[data-task]")?.dataset.task;
  const isLive = document.querySelector("[data-live]") !== null;
  let due = 0;
  let loading = false;

  // What is pressed must not move away before it is released.
  let isPressed = false;
  // After a menu that the button opens, no release is told.
  for (const type of ["pointerdown", "pointerup", "pointercancel", "contextmenu"]) {
    addEventListener(type, (event) => { isPressed = type === "pointerdown" && event.button === 0; }, { capture: true, passive: true });
  }

  const isBusy = () => isPressed || document.querySelector("dialog[open], details.ask[open]") !== null
    || document.activeElement?.closest("[data-live]") !== null && /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.nodeName);

  function refresh(delay) {
    due ||= setTimeout(load, delay);
  }

  async function load() {
    due = 0;
    // A page that is looked at again asks by itself.
    if (document.hidden) return;
    if (isBusy() || loading) return refresh(1000);
    loading = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" } });
      // Signed out, or the task is gone: the page that says so.
      if (answer.redirected || answer.status === 401 || answer.status === 404) return location.reload();
      if (!answer.ok) return refresh(5000);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (isBusy()) return refresh(1000);
      const focused = document.activeElement;
      for (const old of all("[data-live]")) {
        const fresh = page.querySelector(`[data-live="${CSS.escape(old.dataset.live)}"]`);
        if (fresh) morph(old, fresh);
      }
      document.title = page.title;
      decorate();
      if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
    } catch {
      refresh(5000);
    } finally {
      loading = false;
    }
  }

  // Notifications: of one task, or with `*` of every one that was seen at work.
  const ended = new Map();
  const verdict = (object) => object.status?.conditions?.find((one) => one.type === "Succeeded" && one.status !== "Unknown");

  function notice(object) {
    const key = object.metadata.namespace + "/" + object.metadata.name;
    const end = verdict(object);
    const was = ended.get(object.metadata.uid);
    ended.set(object.metadata.uid, end !== undefined);
    const wanted = remembered("notify", []);
    if (was !== false || !end || !("Notification" in window) || Notification.permission !== "granted") return;
    if (!wanted.includes("*") && !wanted.includes(key)) return;
    remember("notify", wanted.filter((one) => one !== key));
    const shown = new Notification(`${object.metadata.name}: ${end.reason}`, { body: end.message, tag: object.metadata.uid });
    shown.onclick = () => window.open(`/ns/${encodeURIComponent(object.metadata.namespace)}/tasks/${encodeURIComponent(object.metadata.name)}`);
  }

  async function notify(button) {
    const key = button.dataset.notify;
    const wanted = remembered("notify", []);
    const on = !wanted.includes(key);
    if (on && await Notification.requestPermission() !== "granted") return;
    remember("notify", on ? [...wanted, key] : wanted.filter((one) => one !== key));
    decorate();
    watch();
  }

  // One stream says that something changed. A hidden page without notifications gives it up: browsers allow six
  // connections to a server that speaks HTTP/1.1.
  let source = null;

  function heard(event) {
    const data = JSON.parse(event.data);
    const objects = event.type === "snapshot" ? data.items : event.type === "applied" ? [data] : [];
    objects.forEach(notice);
    const isOurs = (one) => (one.metadata?.namespace ?? one.namespace) + "/" + (one.metadata?.name ?? one.name) === task;
    if (event.type === "snapshot" || !task || isOurs(data)) refresh(task ? 300 : 1000);
  }

  function watch() {
    const wanted = isLive && (!document.hidden || remembered("notify", []).length > 0);
    if (!wanted || source) {
      if (!wanted && source) source = void source.close();
      return;
    }
    const state = document.getElementById("watch");
    source = new EventSource("/api/v1/tasks/watch");
    source.onopen = () => say(state, "");
    source.onerror = () => {
      say(state, "reconnecting…");
      if (source?.readyState !== EventSource.CLOSED) return;
      source = null;
      setTimeout(watch, 5000);
    };
    for (const type of ["snapshot", "applied", "deleted"]) source.addEventListener(type, heard);
  }

  // The form shows the object that it makes.
  function preview(form) {
    const yaml = document.querySelector("#yaml code");
    let timer = 0;
    let latest = 0;
    const show = async () => {
      const mine = ++latest;
      const fields = new URLSearchParams(new FormData(form));
      try {
        const answer = await fetch(form.dataset.yaml, { method: "POST", body: fields });
        const text = await answer.text();
        if (!answer.ok || mine !== latest) return;
        say(yaml, text);
        document.querySelector(".preview [data-copy]").dataset.copy = text;
        say(document.getElementById("kubectl"), `kubectl ${/^  generateName:/m.test(text) ? "create" : "apply"} -f task.yaml`);
      } catch { /* The next change asks again. */ }
      for (const [name, value] of [...fields]) if (value === "") fields.delete(name);
      form.querySelector("[data-bookmark]").href = "/new?" + fields;
    };
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(show, 250);
    });
  }

  document.addEventListener("click", (event) => {
    const copied = event.target.closest("[data-copy]");
    const noticed = event.target.closest("[data-notify]");
    const asked = event.target.closest("details.ask > summary");
    if (asked) event.preventDefault();
    if (copied) copy(copied);
    if (noticed) notify(noticed);
    if (asked) ask(asked.parentElement);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("form[data-auto] select")) event.target.form.requestSubmit();
  });
  // Sent twice, a form would make two tasks.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => delete form.dataset.sent));
  document.addEventListener("visibilitychange", () => {
    watch();
    if (!document.hidden && isLive) refresh(0);
  });

  theme();
  // A choice filters by itself, and a text when Enter is pressed.
  for (const one of all("form[data-auto] button")) one.hidden = true;
  decorate();
  watch();
  all("#task-form").forEach(preview);
  setInterval(tick, 1000);
  // What a running task does is told by its log, of which the watch knows nothing.
  setInterval(() => { if (document.querySelector("[data-live] .running") && !document.hidden) refresh(0); }, 5000);
})();
