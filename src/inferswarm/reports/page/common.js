"use strict";
/** What every page is built of; `pages` is all that it leaves behind. */
const pages = (() => {
  const byId = (id) => document.getElementById(id);
  const data = (id) => JSON.parse(byId(id).textContent);
  const draws = [];
  const redraw = () => draws.forEach((draw) => draw());

  // ---- numbers

  const digits = (value) =>
    Math.abs(value) < 100 ? value.toPrecision(3) : Math.round(value).toLocaleString("en");

  /** [number, unit] as people read them: 3 significant digits or whole numbers, ms below 10 s. */
  function parts(value, unit) {
    if (value === null || value === undefined) return ["–", ""];
    if (typeof value === "string") return [value, ""];
    if (unit === "count") return [value.toLocaleString("en"), ""];
    if (unit === "share") return [share(value), "%"];
    if (value === 0) return ["0", unit];
    if (unit === "ms" && value >= 10000) return [digits(value / 1000), "s"];
    if (unit === "tokens" && Number.isInteger(value)) return [value.toLocaleString("en"), unit];
    return [digits(value), unit];
  }

  /** Per cent that never rounds up to 100, nor down to 0. */
  function share(value) {
    const percent = value * 100;
    if (percent === 0 || percent === 100) return String(percent);
    if (percent > 99.9) return percent > 99.99 ? "> 99.99" : percent.toFixed(2);
    return percent < 0.01 ? "< 0.01" : percent.toPrecision(3);
  }

  const plain = (value, unit = "") => parts(value, unit).join(" ").trim();

  /** The text at a line of an axis. */
  const tick = (value, unit) =>
    unit === "ms" && value >= 10000 ? `${value / 1000} s` : `${value.toLocaleString("en")}${unit && value ? ` ${unit}` : ""}`;

  // ---- elements; everything from the data enters the page through textContent

  function el(tag, props = {}, ...children) {
    const made = Object.assign(document.createElement(tag), props);
    made.append(...children);
    return made;
  }

  function number(tag, value, unit, props = {}) {
    const [text, suffix] = parts(value, unit);
    return el(tag, props, text, ...(suffix ? [el("span", { className: "unit" }, suffix)] : []));
  }

  /** Text in which `names` stand between backticks. */
  const prose = (text) => text.split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));

  function table(head, rows, className = "") {
    const names = head.map((name) => el("th", { scope: "col", className: name.number ? "number" : "" }, name.text ?? name));
    return el("table", { className }, el("thead", {}, el("tr", {}, ...names)), el("tbody", {}, ...rows));
  }

  const pairs = (rows, className = "") =>
    el("dl", { className }, ...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), value)));

  const rowHead = (...content) => el("th", { scope: "row" }, ...content);

  /** Fills a list of the page with sentences; an empty one stays away. */
  function list(id, sentences) {
    byId(id).hidden = !sentences.length;
    byId(id).append(...sentences.map((sentence) => el("li", {}, ...prose(String(sentence)))));
  }

  // ---- charts

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  const common = () => ({
    animation: false,
    backgroundColor: "transparent",
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: color("text") },
  });

  /** A chart that is drawn again when its box, the theme or a scale changes. */
  function chart(box, label, options) {
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", label);
    const drawn = echarts.init(box);
    const draw = () => drawn.setOption({ ...common(), ...options(box.clientWidth) }, true);
    draws.push(draw);
    new ResizeObserver(() => { drawn.resize(); draw(); }).observe(box);
    draw();
    return drawn;
  }

  function axis(extra) {
    return {
      type: "value",
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: color("grid") } },
      ...extra,
      axisLabel: { color: color("muted"), fontSize: 12, hideOverlap: true, ...extra.axisLabel },
      nameTextStyle: { color: color("muted"), fontSize: 12 },
    };
  }

  /** An axis of amounts: linear from 0 to `most`, or, with the `ends` of what is drawn, logarithmic. */
  function amountAxis(unit, most, ends) {
    const formatter = (value) => tick(value, unit);
    if (!ends) return { min: 0, max: most || null, axisLabel: { formatter, showMaxLabel: false } };
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    const ticks = decades(low, high);
    return { type: "log", min: low * 0.9, max: high * 1.1, axisLabel: { formatter, customValues: ticks }, axisTick: { customValues: ticks }, splitLine: { show: false } };
  }

  /** Round values within [low, high]: the wider the range, the fewer for each power of ten. */
  function decades(low, high) {
    const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    const few = high / low > 1000 ? [1] : [1, 2, 5];
    const steps = high / low < 8 ? [1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9] : few;
    const all = Array.from({ length: last - first + 1 }, (_, i) => steps.map((step) => Number((step * 10 ** (first + i)).toPrecision(2))));
    return all.flat().filter((value) => value >= low * 0.9 && value <= high * 1.1);
  }

  /** A time of a run as people read it; `total` is how long the run was. */
  function clock(seconds, total) {
    if (total <= 600) return `${Number(seconds.toFixed(1))} s`;
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
    const two = (n) => String(n).padStart(2, "0");
    return h || total > 3600 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  }

  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  const timeStep = (total, most) => STEPS.find((step) => total / step <= most) ?? total / most;

  /** Whether some value stands alone, so that a line through it would not be seen. */
  const isolated = (values) =>
    values.some((v, i) => v !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null);

  const legend = (extra) =>
    ({ icon: "circle", itemWidth: 8, itemHeight: 8, textStyle: { color: color("muted") }, ...extra });

  function tooltip(extra) {
    return {
      backgroundColor: color("surface"),
      borderColor: color("line"),
      padding: [6, 10],
      textStyle: { color: color("text") },
      confine: true,
      ...extra,
    };
  }

  /** A tooltip's content: a title, then rows of [color or nothing, name, text]. */
  function tip(title, rows) {
    const lines = rows.map(([dye, name, text]) => {
      const dot = el("span", { className: "dot" });
      dot.style.background = dye;
      return el("div", {}, ...(dye ? [dot] : []), el("span", { className: "name" }, name), el("span", { className: "value" }, text));
    });
    return el("div", { className: "tip" }, el("b", {}, title), ...lines);
  }

  // ---- controls

  function download(button, name, type, text) {
    byId(button).addEventListener("click", () => {
      const url = URL.createObjectURL(new Blob([text], { type }));
      el("a", { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    });
  }

  /** Buttons by id of which one is on: pressing another says so to `change`, and redraws. */
  function choice(ids, change) {
    ids.forEach((id) => byId(id).addEventListener("click", () => {
      ids.forEach((other) => byId(other).setAttribute("aria-pressed", String(other === id)));
      change(id);
      redraw();
    }));
  }

  function setTheme(dark) {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    byId("theme").textContent = dark ? "Light" : "Dark";
    byId("theme").setAttribute("aria-label", `Switch to the ${dark ? "light" : "dark"} theme`);
    redraw();
  }

  /** The theme follows the system until its button is pressed; printing draws for paper. */
  function theme() {
    const prefersDark = matchMedia("(prefers-color-scheme: dark)");
    setTheme(prefersDark.matches);
    prefersDark.addEventListener("change", (event) => setTheme(event.matches));
    matchMedia("print").addEventListener("change", redraw);
    byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme !== "dark"));
  }

  theme();
  return {
    byId, data, share, plain, tick, el, number, prose, table, pairs, rowHead, list,
    color, chart, axis, amountAxis, legend, tooltip, tip, clock, timeStep, isolated, download, choice,
  };
})();
