"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const view = JSON.parse(byId("view").textContent);
  const redraws = [];
  const AXES = { tokens: ["output_tokens_per_s", "output tokens/s"], requests: ["requests_per_s", "requests/s"] };
  let across = AXES.tokens;

  // ---- numbers and elements; everything from the data enters the page through textContent

  function plain(value, unit = "") {
    if (value === null || value === undefined) return "–";
    const text = Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3)).toString();
    return unit ? `${text} ${unit}` : text;
  }

  const loadText = (load) => (view.by === "rate" ? `${plain(load)}/s` : `${plain(load)} users`);

  function el(tag, props = {}, ...children) {
    const made = Object.assign(document.createElement(tag), props);
    made.append(...children);
    return made;
  }

  // ---- the answer

  function answer() {
    byId("answer-title").textContent = view.title;
    byId("said").textContent = view.said;
    byId("said").hidden = !view.said;
    byId("simulated").hidden = !view.simulated;
    byId("ended").hidden = !view.ended;
    byId("ended").textContent = `Ended early: ${view.ended}. These are the points that were finished.`;
    const goals = view.slo.length ? [["Goals", view.slo.join(", ")]] : [];
    byId("facts").append(...[...view.facts, ...goals].map(([name, text]) =>
      el("div", {}, el("dt", {}, name), el("dd", {}, text))));
  }

  // ---- curves

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  const axis = (extra) => ({
    type: "value", min: 0, axisLine: { show: false }, axisTick: { show: false },
    splitLine: { lineStyle: { color: color("grid") } },
    nameTextStyle: { color: color("muted"), fontSize: 12 },
    ...extra, axisLabel: { color: color("muted"), fontSize: 12, hideOverlap: true, ...extra.axisLabel },
  });

  function tip(index) {
    const point = view.points[index];
    const rows = [
      ["Requests/s", plain(point.requests_per_s)], ["Output tokens/s", plain(point.output_tokens_per_s)],
      ["In flight", plain(point.concurrency)],
      ...view.charts.flatMap((one) => one.lines.map((line) => [`${one.title} ${line.name}`, plain(line.values[index], one.unit)])),
      ["Failed", plain(point.failed)],
    ];
    const lines = rows.map(([name, text]) =>
      el("div", {}, el("span", { className: "name" }, name), el("span", { className: "value" }, text)));
    const outcome = point.met ? "" : el("div", {}, point.why);
    return el("div", { className: "tip" }, el("b", {}, loadText(point.load)), ...lines, outcome);
  }

  function series(one, line) {
    const dye = color(line.name);
    return {
      name: line.name, type: "line", color: dye, lineStyle: { width: 2 }, symbol: "circle", symbolSize: 9,
      data: view.points.map((point, i) => ({
        value: [point[across[0]], line.values[i]],
        itemStyle: point.met ? { color: dye } : { color: color("surface"), borderColor: dye, borderWidth: 2 },
      })),
    };
  }

  /** Lines of the goals, and of the throughput at the limit that was found. */
  function marks(one) {
    const limits = one.goals.map(({ text, limit }) => ({ yAxis: limit, label: { formatter: text } }));
    const at = view.points.filter((point) => point.load === view.limit);
    const middle = at.reduce((sum, point) => sum + point[across[0]], 0) / at.length;
    const found = at.length ? [{ xAxis: middle, label: { formatter: `limit: ${loadText(view.limit)}` } }] : [];
    return {
      type: "line", data: [], markLine: {
        symbol: "none", silent: true, lineStyle: { type: "dashed", color: color("ok"), width: 1.5 },
        label: { position: "insideEndTop", color: color("ok") }, data: [...limits, ...found],
      },
    };
  }

  function options(one) {
    const highest = Math.max(...one.goals.map((goal) => goal.limit), ...one.lines.flatMap((line) => line.values));
    return {
      animation: false, backgroundColor: "transparent",
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: color("text") },
      grid: { left: 76, right: 24, top: 34, bottom: 46, outerBoundsMode: "none" },
      legend: { show: one.lines.length > 1, right: 24, top: 4, icon: "circle", itemWidth: 8, itemHeight: 8, textStyle: { color: color("muted") }, data: one.lines.map((line) => line.name) },
      tooltip: {
        trigger: "item", confine: true, padding: [6, 10], backgroundColor: color("surface"), borderColor: color("line"),
        textStyle: { color: color("text") }, formatter: (hit) => tip(hit.dataIndex),
      },
      xAxis: axis({ name: across[1], nameLocation: "middle", nameGap: 28 }),
      yAxis: axis({ max: highest > 0 ? undefined : 1, axisLabel: { formatter: (v) => plain(v, one.unit) } }),
      series: [...one.lines.map((line) => series(one, line)), marks(one)],
    };
  }

  function curves() {
    view.charts.filter((one) => one.lines.length).forEach((one) => {
      const box = el("div", { className: "curve sweep" });
      byId("charts").append(el("div", { className: "panel" }, el("h3", {}, one.title), box));
      box.setAttribute("role", "img");
      box.setAttribute("aria-label", `${one.title} against throughput, ${view.points.length} points. The table below has the numbers.`);
      const drawn = echarts.init(box);
      const draw = () => drawn.setOption(options(one), true);
      drawn.on("click", (hit) => {
        if (hit.dataIndex !== undefined && view.points[hit.dataIndex]) location.href = reportOf(view.points[hit.dataIndex]);
      });
      redraws.push(draw);
      new ResizeObserver(() => { drawn.resize(); draw(); }).observe(box);
      draw();
    });
  }

  const reportOf = (point) => `${encodeURIComponent(point.folder)}/report.html`;

  // ---- table

  function points() {
    const lines = view.charts.flatMap((one) => one.lines.map((line) => [`${one.title} ${line.name}, ${one.unit}`, line]));
    const names = [view.by === "rate" ? "Rate" : "Users", "Requests/s", "Output tokens/s", "In flight", ...lines.map(([name]) => name), "Failed"];
    const head = [...names.map((name) => el("th", { scope: "col", className: "number" }, name)), el("th", { scope: "col" }, "Outcome")];
    const rows = view.points.map((point, i) => {
      const values = [point.requests_per_s, point.output_tokens_per_s, point.concurrency, ...lines.map(([, line]) => line.values[i]), point.failed];
      const link = el("a", { href: reportOf(point) }, loadText(point.load));
      const said = point.met ? (view.slo.length ? "met" : "VALID") : point.why;
      return el("tr", { className: point.load === view.limit ? "limit" : "" },
        el("th", { scope: "row", className: "number" }, link),
        ...values.map((value) => el("td", { className: "number" }, plain(value))),
        el("td", { className: "said" }, el("span", { className: point.met ? "met" : "missed" }, said)));
    });
    byId("points").append(el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows)));
  }

  // ---- controls

  const redraw = () => redraws.forEach((draw) => draw());

  function setTheme(dark) {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    byId("theme").textContent = dark ? "Light" : "Dark";
    redraw();
  }

  function setAxis(name) {
    across = AXES[name];
    Object.keys(AXES).forEach((one) => byId(one).setAttribute("aria-pressed", String(one === name)));
    redraw();
  }

  function controls() {
    const prefersDark = matchMedia("(prefers-color-scheme: dark)");
    setTheme(prefersDark.matches);
    prefersDark.addEventListener("change", (event) => setTheme(event.matches));
    byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme !== "dark"));
    Object.keys(AXES).forEach((one) => byId(one).addEventListener("click", () => setAxis(one)));
    byId("download-csv").addEventListener("click", () => {
      const url = URL.createObjectURL(new Blob([view.csv], { type: "text/csv" }));
      el("a", { href: url, download: "sweep.csv" }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    });
  }

  controls();
  answer();
  curves();
  points();
})();
