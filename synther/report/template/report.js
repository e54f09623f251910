"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const COLORS = ["#6b7280", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
const SVG = "http://www.w3.org/2000/svg";

function set(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
}

/** Make an element with attributes and children; texts are never read as markup. */
function make(name, attributes = {}, ...children) {
  const isSvg = ["svg", "path", "line", "text", "circle"].includes(name);
  const element = isSvg ? document.createElementNS(SVG, name) : document.createElement(name);
  set(element, attributes);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const title = (kind, slug) => data[kind][slug] || slug;
const format = (value) => (Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(1));
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/* ---- Sorting ---- */
function sortBy(head) {
  const value = (cell) => ("sort" in cell.dataset ? Number(cell.dataset.sort) : cell.textContent.trim());
  const table = head.closest("table"), index = head.cellIndex, body = table.tBodies[0];
  const isDown = head.getAttribute("aria-sort") !== "descending" && head.hasAttribute("aria-sort");
  const direction = isDown ? "descending" : "ascending", sign = isDown ? -1 : 1;
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction);
  const rows = [...body.rows].map((row) => [value(row.cells[index]), row]);
  rows.sort(([a], [b]) => {
    const numbers = [typeof a === "number", typeof b === "number"];
    if (numbers[0] !== numbers[1]) return numbers[0] ? -1 : 1; // what has no number comes last
    return sign * (numbers[0] ? a - b : a.localeCompare(b, "en", { numeric: true }));
  });
  body.append(...rows.map(([, row]) => row));
}

/* ---- Curves: a thin line a seed, a thick one for their mean ---- */
function curves(keys) {
  const width = 720, height = 300, left = 48, right = 12, top = 10, bottom = 34;
  const runs = keys.map((key) => data.runs[key]);
  const xs = runs.flatMap((run) => run.steps), ys = runs.flatMap((run) => run.scores.flat());
  const most = Math.max(...xs), low = Math.min(0, ...ys), high = Math.max(...ys, low + 1);
  const x = (step) => left + ((width - left - right) * step) / most;
  const y = (score) => height - bottom - ((height - top - bottom) * (score - low)) / (high - low);
  const how = "Point at a line, or go to it with Tab and along it with the arrow keys.";
  const readout = make("p", { class: "readout", "aria-live": "polite" }, how);
  const label = "Normalised score against updates or environment steps, a line a seed";
  const svg = make("svg", { class: "curves", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label });
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
    svg.append(make("line", { class: "axis", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }));
    svg.append(make("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, String(+tick.toFixed(6))));
  }
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const words = Math.round(most * part).toLocaleString("en");
    const anchor = part === 1 ? "end" : "middle";
    svg.append(make("text", { x: x(most * part), y: height - 16, "text-anchor": anchor }, words));
  }
  svg.append(make("text", { x: width / 2, y: height - 2, "text-anchor": "middle" }, "updates, or environment steps"));
  const cursor = make("circle", { r: 5, fill: "none", "stroke-width": 2, stroke: "currentColor", visibility: "hidden" });
  runs.forEach((run, number) => {
    const color = COLORS[number % COLORS.length];
    const line = (scores) => scores.map((score, i) => `${i ? "L" : "M"}${x(run.steps[i])},${y(score)}`).join("");
    run.scores.forEach((scores, row) => {
      const name = `${title("sources", run.source)}, seed ${run.seeds[row]}`;
      const path = make("path", { class: "seed", d: line(scores), stroke: color, tabindex: 0, role: "img" });
      set(path, { "aria-label": `${name}: ${format(run.final[row])} at the end` });
      const hit = make("path", { class: "hit", d: line(scores) });
      let place = scores.length - 1;
      const show = () => {
        svg.querySelectorAll(".on").forEach((other) => other.classList.remove("on"));
        path.classList.add("on");
        set(cursor, { cx: x(run.steps[place]), cy: y(scores[place]), visibility: "visible" });
        const at = run.steps[place].toLocaleString("en");
        readout.textContent = `${name}: ${format(scores[place])} after ${at}; at the end ${format(run.final[row])}`;
      };
      const point = (event) => {
        const frame = svg.getBoundingClientRect();
        const step = (((event.clientX - frame.left) * width) / frame.width - left) * most / (width - left - right);
        place = run.steps.reduce((best, s, i) => (Math.abs(s - step) < Math.abs(run.steps[best] - step) ? i : best), 0);
        show();
      };
      path.addEventListener("focus", show);
      path.addEventListener("keydown", (event) => {
        const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (!move) return;
        event.preventDefault();
        place = Math.min(scores.length - 1, Math.max(0, place + move));
        show();
      });
      for (const target of [path, hit]) {
        target.addEventListener("pointermove", point);
        target.addEventListener("pointerdown", point);
      }
      svg.append(path, hit);
    });
    const middle = run.steps.map((_, i) => mean(run.scores.map((scores) => scores[i])));
    svg.append(make("path", { class: "mean", d: line(middle), stroke: color, "pointer-events": "none" }));
  });
  svg.append(cursor);
  const legend = runs.map((run, number) => {
    const key = make("span", { class: "key" });
    key.style.borderColor = COLORS[number % COLORS.length];
    const words = `${title("sources", run.source)}: ${format(mean(run.final))} (${run.seeds.length} seeds) `;
    return make("span", {}, key, words);
  });
  return make("div", {}, make("p", { class: "legend" }, ...legend), svg, readout);
}

/* ---- The panel: runs, seeds, episodes, configuration, commit ---- */
function grid(heads, rows) {
  const line = (cells, kind) => make("tr", {}, ...cells.map((cell) => make(kind, {}, String(cell))));
  const body = make("tbody", {}, ...rows.map((row) => line(row, "td")));
  const table = make("table", {}, make("thead", {}, line(heads, "th")), body);
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": heads.join(", ") }, table);
}

function folded(words, ...content) {
  return make("details", {}, make("summary", {}, words), ...content);
}

function recordBox(path, seen = new Set()) {
  const record = data.records[path];
  if (!record || seen.has(path)) return null;
  seen.add(path);
  const facts = [
    ["File", path],
    ["Commit", record.commit],
    ["Physics", record.physics],
    ["Updates or steps", record.settings?.steps],
    ["Transitions", record.transitions],
    ["Wall time (s)", record.wall_time_s],
    ["Hardware", record.hardware?.gpu || record.hardware?.cpu],
    ["Versions", record.versions && Object.entries(record.versions).map(([k, v]) => `${k} ${v}`).join(", ")],
  ].filter(([, value]) => value !== undefined && value !== null);
  const whole = folded("Whole configuration", make("pre", {}, JSON.stringify(record, null, 2)));
  const inputs = (data.made_from[path] || []).map((other) => recordBox(other, seen)).filter(Boolean);
  if (inputs.length) inputs.unshift(make("h4", {}, "Made from"));
  return make("div", {}, grid(["What", "Value"], facts), whole, ...inputs);
}

function runBox(key, isOpen) {
  const run = data.runs[key];
  const name = `${run.dataset}, ${title("sources", run.source)}, ${title("agents", run.agent)}`;
  const words = `${name}: ${format(mean(run.final))} over ${run.seeds.length} seeds`;
  const box = make("details", { class: "run" }, make("summary", {}, words));
  const fill = () => {
    if (box.childElementCount > 1) return;
    const last = run.steps[run.steps.length - 1].toLocaleString("en");
    box.append(
      make("p", {}, `Score of a seed: the mean of its episodes at the last of ${run.evaluations} evaluations, after ${last} updates or steps.`),
      grid(
        ["Seed", "Score", "Episodes"],
        run.seeds.map((seed, i) => [seed, run.final[i].toFixed(2), run.episodes[i].length]),
      ),
      curves([key]),
      folded(
        "Episodes of the last evaluation",
        grid(
          ["Seed", "Episode", "Return", "Length (steps)", "Score"],
          run.seeds.flatMap((seed, i) => run.episodes[i].map((episode, n) => [seed, n, ...episode])),
        ),
      ),
      make("p", {}, `All episodes of all evaluations: ${run.files.join(", ")}`),
      ...run.records.map((path) => recordBox(path)).filter(Boolean),
    );
  };
  box.addEventListener("toggle", fill);
  if (isOpen) {
    fill();
    box.open = true;
  }
  return box;
}

function openPanel(button) {
  const panel = document.getElementById("panel"), body = document.getElementById("panel-body");
  const keys = button.dataset.keys.split("\n");
  const runs = keys.filter((key) => data.runs[key]), records = keys.filter((key) => data.records[key]);
  body.replaceChildren(make("p", {}, `${button.textContent}: from ${runs.length + records.length} of ${keys.length} results.`));
  const alike = new Set(runs.map((key) => `${data.runs[key].dataset} ${data.runs[key].agent}`));
  if (runs.length > 1 && runs.length <= COLORS.length && alike.size === 1) body.append(curves(runs));
  body.append(...runs.map((key) => runBox(key, runs.length === 1)));
  body.append(...records.map((path) => recordBox(path)));
  panel.showModal();
}

/* ---- The choice of rows: those of one dataset, source or agent ---- */
const PARTS = ["dataset", "source", "agent"];

/** Return what a result is of, as far as it says: a run by its key, a measured sample by its path. */
function partsOf(key) {
  if (data.runs[key]) return data.runs[key];
  const [, , kind, dataset, source] = key.split("/");
  return ["fidelity", "generators"].includes(kind) ? { dataset, source: source.replace(/\.json$/, "") } : {};
}

function filterRows() {
  const form = document.getElementById("filter");
  const selects = PARTS.map((part) => form.querySelector(`[data-part=${part}]`));
  const rows = [...document.querySelectorAll("details.sheet table.sortable tbody tr")]
    .map((row) => [row, [...row.querySelectorAll("button.source")]])
    .filter(([, buttons]) => buttons.length);
  const keys = rows.flatMap(([, buttons]) => buttons.flatMap((button) => button.dataset.keys.split("\n")));
  PARTS.forEach((part, i) => {
    const values = [...new Set(keys.map((key) => partsOf(key)[part]).filter(Boolean))].sort();
    fillChoice(selects[i], values, { source: "sources", agent: "agents" }[part]);
    selects[i].prepend(make("option", { value: "", selected: "" }, "all"));
  });
  const apply = () => {
    const chosen = PARTS.map((part, i) => [part, selects[i].value]).filter(([, value]) => value);
    // A difference is of two sources, and fits either; an average over datasets is of none of them
    const fits = (keys) => chosen.every(([part, value]) => {
      const found = keys.map((key) => partsOf(key)[part]).filter(Boolean);
      if (part === "source") return !found.length || found.includes(value);
      return found.every((other) => other === value);
    });
    for (const [row, buttons] of rows) {
      const fitting = buttons.map((button) => fits(button.dataset.keys.split("\n")));
      buttons.forEach((button, i) => button.closest("td").classList.toggle("off", !fitting[i]));
      row.hidden = !fitting.includes(true);
    }
    for (const sheet of document.querySelectorAll("details.sheet")) {
      const own = rows.filter(([row]) => sheet.contains(row));
      sheet.classList.toggle("empty", own.length > 0 && own.every(([row]) => row.hidden));
      // An average is over all rows: it would say nothing of those that are left
      for (const foot of sheet.querySelectorAll("tfoot")) foot.hidden = chosen.length > 0;
    }
    const left = rows.filter(([row]) => !row.hidden).length;
    form.querySelector("output").textContent = chosen.length ? `${left} of ${rows.length} rows` : "";
    for (const [part, value] of chosen) {
      const select = document.getElementById(part); // the curves below follow, where they have it
      if (![...(select?.options ?? [])].some((option) => option.value === value)) continue;
      select.value = value;
      select.dispatchEvent(new Event("change"));
    }
  };
  form.addEventListener("change", apply);
}

/* ---- The choice of curves ---- */
function fillChoice(select, values, kind) {
  const before = select.value;
  select.replaceChildren(...values.map((value) => make("option", { value }, kind ? title(kind, value) : value)));
  if (values.includes(before)) select.value = before;
}

function chooseCurves() {
  const [dataset, agent] = ["dataset", "agent"].map((id) => document.getElementById(id));
  const runs = Object.entries(data.runs), unique = (values) => [...new Set(values)];
  const target = document.getElementById("curves");
  if (!runs.length) return target.append("No runs yet.");
  fillChoice(dataset, unique(runs.map(([, run]) => run.dataset)).sort());
  const draw = () => {
    const here = runs.filter(([, run]) => run.dataset === dataset.value);
    const agents = unique(here.map(([, run]) => run.agent));
    fillChoice(agent, agents, "agents");
    const chosen = here.filter(([, run]) => run.agent === agent.value);
    const boxes = [];
    for (let i = 0; i < chosen.length; i += COLORS.length)
      boxes.push(curves(chosen.slice(i, i + COLORS.length).map(([key]) => key)));
    target.replaceChildren(...boxes);
  };
  dataset.addEventListener("change", draw);
  agent.addEventListener("change", draw);
  draw();
}

/* ---- Light and dark ---- */
function themeButton() {
  const button = document.getElementById("theme"), root = document.documentElement;
  const prefers = window.matchMedia("(prefers-color-scheme: dark)").matches;
  set(button, { "aria-pressed": prefers });
  button.addEventListener("click", () => {
    const isDark = button.getAttribute("aria-pressed") !== "true";
    root.dataset.theme = isDark ? "dark" : "light";
    set(button, { "aria-pressed": isDark });
  });
}

document.addEventListener("click", (event) => {
  const sort = event.target.closest("button.sort"), source = event.target.closest("button.source");
  if (sort) sortBy(sort.closest("th"));
  if (source) openPanel(source);
});

/* ---- A link opens the part that it leads to ---- */
function openLinked() {
  const part = document.getElementById(location.hash.slice(1))?.querySelector("details.sheet");
  if (part) part.open = true;
}
addEventListener("hashchange", openLinked);
openLinked();
themeButton();
chooseCurves();
filterRows();
