// Shows the log of a task as it comes: in groups by attempt, phase and turn, each line once.
// Lines hold text of the model and of the repository: they only ever become text.
// Not here: what the lines say (the runner), and the rest of the page (script.js).
"use strict";
(() => {
  const section = document.getElementById("log");
  const box = section?.querySelector(".lines");
  if (!box) return;
  const state = section.querySelector(".connection");
  const follow = section.querySelector(".follow");
  const search = section.querySelector(".search");
  const raw = section.querySelector(".raw");
  const words = { clone: "Clone", run: "Run", rebase: "Rebase", resolve: "Conflicts", push: "Push" };
  const marks = { warning: "! ", error: "✕ " };
  const LONG = 140;
  // Time for drawing in one frame, in milliseconds.
  const SLICE = 12;

  // Every line that came, in order; those before `drawn` are on the page.
  const lines = [];
  const known = new Map();
  let drawn = 0;
  let part = null;
  let turn = "";
  let frame = 0;
  let wanted = location.hash.startsWith("#L") ? location.hash.slice(1) : "";
  let lastTop = 0;
  if (wanted) follow.checked = false;

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  const say = (text) => { if (state.textContent !== text) state.textContent = text; };
  const clock = (time) => { const at = new Date(time); return isNaN(at) ? "" : at.toTimeString().slice(0, 8); };
  const matches = (line) => (line.tool + " " + line.text).toLowerCase().includes(search.value.trim().toLowerCase());

  // Paths as the repository has them: commands begin in the work tree anyway.
  const withoutTree = (text) => text.replace("cd /workspace/repo && ", "").replaceAll("/workspace/repo/", "");

  // A new part begins with an attempt, a phase or a turn.
  function begin(line) {
    const before = part?.line;
    const isNew = !before || before.attempt !== line.attempt || before.phase !== line.phase;
    if (!isNew && line.kind !== "turn") return;
    part = element("div", "part");
    part.line = line;
    part.shown = 0;
    if (isNew) {
      const attempt = line.attempt > 1 ? ` · attempt ${line.attempt}` : "";
      part.append(element("p", "begin dim", (words[line.phase] ?? line.phase) + attempt));
    }
    box.append(part);
    turn = "";
  }

  function what(line) {
    const cell = element("div", "what");
    const text = (marks[line.kind] ?? "") + (line.kind === "tool" ? withoutTree(line.text) : line.text);
    const tool = line.kind === "tool" ? element("span", "tool", `▸ ${line.tool || "tool"} `) : null;
    const isLong = line.kind !== "text" && (text.length > LONG || text.includes("\n"));
    if (!isLong) {
      cell.append(...[tool, text].filter((piece) => piece !== null));
      return cell;
    }
    const details = element("details");
    const summary = element("summary");
    summary.append(...[tool, text.slice(0, LONG).replaceAll("\n", " ⏎ ") + "…"].filter((piece) => piece !== null));
    details.append(summary);
    // Long texts are put in when they are looked at: most never are.
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(element("div", "full", line.text));
    });
    cell.append(details);
    return cell;
  }

  function row(line) {
    const made = element("div", "line " + line.kind);
    if (line.id) made.id = line.id;
    if (raw.checked) {
      made.append(element("a", "at", clock(line.time)), element("span", "label", words[line.phase] ?? line.phase), element("div", "what", line.data));
    } else {
      const label = line.kind === "phase" ? words[line.phase] ?? line.phase : turn;
      turn = line.kind === "phase" ? turn : "";
      made.append(element("a", "at", clock(line.time)), element("span", "label", label), what(line));
    }
    if (line.id) made.firstChild.href = "#" + line.id;
    return made;
  }

  function draw(line) {
    begin(line);
    if (line.kind === "turn" && !line.text && !raw.checked) {
      // The turn's number stands at its first line.
      turn = "turn " + line.turn;
      line.element = part;
      return;
    }
    line.element = row(line);
    line.element.hidden = !matches(line);
    part.append(line.element);
    part.shown += line.element.hidden ? 0 : 1;
    part.hidden = part.shown === 0 && search.value !== "";
  }

  function stick() {
    if (follow.checked) box.scrollTop = box.scrollHeight;
    lastTop = box.scrollTop;
  }

  function pump() {
    frame = 0;
    const until = performance.now() + SLICE;
    while (drawn < lines.length && performance.now() < until) draw(lines[drawn++]);
    stick();
    const found = wanted && lines.find((line) => line.id === wanted && line.element);
    if (found) show(found);
    if (drawn < lines.length) schedule();
    // What was just drawn has its height only now.
    else requestAnimationFrame(stick);
  }

  function schedule() {
    frame ||= requestAnimationFrame(pump);
  }

  function again() {
    box.replaceChildren();
    drawn = 0;
    part = null;
    turn = "";
    schedule();
  }

  // Shows a line, drawn or not, and names it in the address so that it can be shared.
  function show(line) {
    follow.checked = false;
    wanted = line.element ? "" : line.id;
    if (!line.element) return schedule();
    for (const old of box.querySelectorAll(".here")) old.classList.remove("here");
    // A turn without words of its own is found at its first line.
    const target = line.element.querySelector(".line") ?? line.element;
    target.classList.add("here");
    // Parts that were never seen have a guessed height, so one look is not enough.
    let looks = 5;
    const settle = () => {
      box.scrollTop += target.getBoundingClientRect().top - box.getBoundingClientRect().top - 8;
      if (--looks > 0) requestAnimationFrame(settle);
    };
    settle();
    if (line.id) history.replaceState(null, "", "#" + line.id);
  }

  // A line with a number is known by it; one without by its place after the last that has one.
  let after = null;
  let count = 0;

  function take(event) {
    const line = JSON.parse(event.data);
    const isNumbered = line.seq !== undefined && event.lastEventId !== "";
    count = after === event.lastEventId ? count + 1 : 1;
    after = event.lastEventId;
    const key = isNumbered ? event.lastEventId : `${event.lastEventId}~${count}`;
    if (isNumbered) count = 0;
    if (known.has(key) && (isNumbered || known.get(key) === event.data)) return;
    known.set(key, isNumbered ? true : event.data);
    const last = lines.at(-1);
    lines.push({
      ...line, attempt: line.attempt ?? last?.attempt ?? 1, phase: line.phase ?? last?.phase ?? "", kind: line.kind ?? "raw", text: line.text ?? "", tool: line.tool ?? "",
      data: event.data, id: isNumbered ? "L" + event.lastEventId : "",
    });
    schedule();
  }

  function gap(event) {
    const { phase, from } = JSON.parse(event.data);
    const key = `gap ${phase} ${from}`;
    if (known.has(key)) return;
    known.set(key, true);
    const last = lines.at(-1);
    lines.push({
      attempt: last?.attempt ?? 1, phase: phase ?? last?.phase ?? "", kind: "warning", tool: "", id: "", data: event.data,
      text: from ? `Lines before ${from} are gone: the kubelet keeps the end of a log.` : "Earlier lines are gone.",
    });
    schedule();
  }

  let delay = 2000;

  function connect() {
    const source = new EventSource(section.dataset.logs);
    source.onopen = () => {
      say("live");
      delay = 2000;
      after = null;
    };
    source.onerror = () => {
      say("reconnecting…");
      // The browser gives up when the answer is an error; a new stream sends all lines again, and those known are dropped.
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(connect, delay);
      delay = Math.min(delay * 2, 30000);
    };
    source.addEventListener("line", take);
    source.addEventListener("gap", gap);
    source.addEventListener("end", () => {
      source.close();
      say(lines.length > 0 ? "complete" : "no lines");
    });
  }

  box.addEventListener("scroll", () => {
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
    if (isAtEnd && !wanted) follow.checked = true;
    else if (box.scrollTop < lastTop - 2) follow.checked = false;
    lastTop = box.scrollTop;
  }, { passive: true });
  follow.addEventListener("change", stick);
  raw.addEventListener("change", again);
  search.addEventListener("input", () => {
    for (const one of box.children) one.shown = 0;
    for (const line of lines.slice(0, drawn)) {
      if (line.element.classList.contains("part")) continue;
      line.element.hidden = !matches(line);
      if (!line.element.hidden) line.element.parentElement.shown += 1;
    }
    for (const one of box.children) one.hidden = one.shown === 0 && search.value !== "";
    stick();
  });
  document.addEventListener("click", (event) => {
    const jump = event.target.closest("[data-jump]")?.dataset.jump;
    const link = event.target.closest(".lines a.at")?.getAttribute("href");
    const id = link?.slice(1);
    const line = lines.find((one) => (jump ? `${one.attempt}.${one.phase}.`.startsWith(jump + ".") : id && one.id === id));
    if (!line) return;
    event.preventDefault();
    show(line);
    section.scrollIntoView({ block: "nearest" });
  });
  window.addEventListener("hashchange", () => {
    const line = lines.find((one) => "#" + one.id === location.hash);
    if (line?.id) show(line);
  });

  section.querySelector(".controls").hidden = false;
  say("connecting…");
  connect();
})();
