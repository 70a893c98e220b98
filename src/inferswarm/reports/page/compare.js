"use strict";
(() => {
  const {
    byId, data, plain, tick, el, number, table, rowHead, list, color, chart, axis, amountAxis,
    tooltip, tip, clock, timeStep, isolated, choice,
  } = pages;
  const view = data("view");
  const { runs, rows, method, settings, conditions, warnings } = view.comparison;
  let logScale = false;

  const dye = (i) => color(`run${i}`);

  /** A run's letter beside its colour, which follows the theme. */
  function letter(i, text = runs[i].label) {
    const dot = el("span", { className: "dot" });
    dot.style.background = `var(--run${i})`;
    return el("span", { className: "letter" }, dot, text);
  }

  // ---- the answer

  const MOST_NAMED = 4;

  function answer() {
    byId("answer-title").textContent = view.title;
    list("warnings", warnings);
    const named = settings.slice(0, MOST_NAMED).map((one) => `${one.key} ${one.values.join(runs.length > 2 ? ", " : " → ")}`);
    const more = settings.length > MOST_NAMED ? `; and ${settings.length - MOST_NAMED} more` : "";
    byId("changed").textContent = settings.length ? `Set differently: ${named.join("; ")}${more}.` : "The same configuration.";
    byId("simulated").hidden = !runs.some((run) => run.simulated);
    byId("said").append(
      ...view.said.map((said) => el("p", {}, said)),
      ...view.tallies.map(([run, tally]) => el("p", { className: "note" }, `${run}: ${tally}.`)));
    const head = ["Run", "Name", "Verdict", "Started", { text: "Requests", number: true }, { text: "Blocks", number: true }, "Measured"];
    byId("runs").append(table(head, runs.map((run, i) => el("tr", {}, rowHead(letter(i)), el("td", {}, run.name),
      el("td", { className: run.valid ? "met" : "missed", title: run.reasons.join("; ") }, run.valid ? "VALID" : "INVALID"),
      el("td", { className: "when" }, run.started.replace("T", " ").replace("+00:00", " UTC")), number("td", run.requests, "count", { className: "number" }),
      el("td", { className: "number" }, run.blocks ? `${run.blocks} of ${plain(run.block_s, "s")}` : "–"),
      el("td", { className: "said" }, run.window)))));
    byId("conditions").hidden = !conditions.length;
    if (!conditions.length) return;
    byId("conditions").append(table(["Fail if", "Run", "", "Why"], conditions.map((one) => el("tr", {},
      rowHead(el("code", {}, one.condition)), el("td", {}, one.run),
      el("td", { className: one.failed ? "missed" : "met" }, one.failed ? "FAILED" : "passed"),
      el("td", { className: "said" }, one.said))), "stack"));
  }

  function different() {
    byId("settings-note").textContent = settings.length
      ? "Of the configuration and the run; ids, times and where results went are left out."
      : "Nothing: configuration, versions and prompts are the same.";
    byId("settings-table").hidden = !settings.length;
    byId("settings-table").append(table(["Setting", ...runs.map((run) => run.label)], settings.map((one) =>
      el("tr", {}, rowHead(el("code", {}, one.key)), ...one.values.map((value) => el("td", {}, value))))));
  }

  // ---- the table

  const MOST = 0.5;
  const signed = (value) => `${value > 0 ? "+" : ""}${percent(value)}`;

  /** Per cent with a digit after the point; large ones without, small ones with two. */
  function percent(value) {
    const size = Math.abs(value * 100);
    return (value * 100).toFixed(size >= 99.95 ? 0 : size >= 0.95 ? 1 : 2).replace(/^-(0\.?0*)$/, "$1");
  }

  const unitOf = (row) => (row.unit === "share" ? "points" : "%");

  /** The interval on a line whose middle is no difference; `reach` is where the line ends. */
  function track(change, reach) {
    const place = (value) => 50 + 50 * Math.max(-1, Math.min(1, value / reach));
    const range = el("div", { className: "range" });
    range.style.left = `${place(change.low)}%`;
    range.style.width = `${place(change.high) - place(change.low)}%`;
    const at = el("div", { className: "at" });
    at.style.left = `${place(change.change)}%`;
    return el("div", { className: "track", title: change.said }, el("div", { className: "zero" }), range, at);
  }

  function cells(row, change, reach) {
    if (change.change === null) return [el("td", { colSpan: 5, className: "said" }, change.said)];
    const unit = unitOf(row);
    return [
      el("td", { className: "number" }, el("span", { className: "figure" }, `${signed(change.change)} ${unit}`)),
      el("td", {}, el("span", { className: `call ${change.call.replace(" ", "-")}`, title: change.said },
        change.call === "small" ? "too small to matter" : change.call)),
      el("td", {}, track(change, row.unit === "share" ? reach / 10 : reach)),
      el("td", { className: "number" }, `${signed(change.low)}..${signed(change.high)} ${unit}`),
      el("td", { className: "number said" }, `${percent(change.smallest)} ${unit}`),
    ];
  }

  const value = (row, i) => (row.unit === "share" && row.values[i] !== null
    ? el("td", { className: "number" }, `${percent(row.values[i])} %`)
    : number("td", row.values[i], row.unit === "ms" ? "ms" : "", { className: "number" }));

  function against(at) {
    const judged = rows.map((row) => row.changes[at - 1]).filter((change) => change.change !== null);
    const ends = judged.flatMap((change) => [Math.abs(change.low), Math.abs(change.high)]).sort((a, b) => a - b);
    const reach = Math.min(MOST, Math.max(0.05, ends[Math.floor(ends.length * 0.9)] ?? 0.05));
    const shown = rows.filter((row) => row.values[0] !== null || row.values[at] !== null);
    const right = (text) => ({ text, number: true });
    const head = ["", right(runs[0].label), right(runs[at].label), right("Difference"), "Call", `−${percent(reach)} … +${percent(reach)} %`, right("95 % CI"), right("Would show")];
    const metric = (row) => row.name.split(".")[0];
    const lines = shown.map((row, i) => {
      const change = row.changes[at - 1];
      const first = i && metric(row) !== metric(shown[i - 1]) ? "first-of-group" : "";
      return el("tr", { className: `${first} ${change.call.replace(" ", "-")}` }, rowHead(row.title),
        value(row, 0), value(row, at), ...cells(row, change, reach));
    });
    const title = `${runs[at].label} against ${runs[0].label}`;
    const box = el("div", { className: "panel scroll", tabIndex: 0 }, table(head, lines, "differences"));
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", title);
    byId("tables").append(...(runs.length > 2 ? [el("h3", {}, letter(at, title))] : []), box);
  }

  // ---- charts

  function curveOptions(one) {
    const drawn = one.runs.map((points, i) => ({ points, i })).filter(({ points }) => points);
    const lowest = (value) => (logScale ? Math.max(value, 0.01) : value);
    const ends = drawn.flatMap(({ points }) => [points[0][0], points.at(-1)[0]].map(lowest));
    return {
      grid: { left: 50, right: 30, top: 16, bottom: 26, outerBoundsMode: "none" },
      tooltip: tooltip({ trigger: "axis", formatter: (hits) => curveTip(one, drawn, hits[0].axisValue) }),
      xAxis: axis(amountAxis(one.unit, one.p99_9 * 1.1, logScale && ends)),
      yAxis: axis({ min: 0, max: 1, interval: 0.25, axisLabel: { formatter: (v) => `${v * 100} %` } }),
      series: drawn.map(({ points, i }) => ({
        name: runs[i].label, type: "line", step: "end", showSymbol: false, color: dye(i), lineStyle: { width: 2 },
        data: points.map(([value, upto]) => [lowest(value), upto]),
      })),
    };
  }

  // The library tells only of lines with a point at the very place, so the values are looked up here.

  function curveTip(one, drawn, at) {
    const upto = (points) => points.findLast(([value]) => value <= at)?.[1] ?? 0;
    return tip(`up to ${plain(at, one.unit)}`, drawn.map(({ points, i }) => [dye(i), runs[i].label, plain(upto(points), "share")]));
  }

  function timelineTip(at) {
    const nearest = view.seconds.map((seconds) => seconds.reduce((best, second, j) =>
      (Math.abs(second - at) < Math.abs(seconds[best] - at) ? j : best), 0));
    const told = (panel) => panel.runs.map((values, i) => `${runs[i].label} ${plain(values?.[nearest[i]], panel.unit)}`).join(" · ");
    return tip(`at ${clock(at, view.duration_s)}`, view.panels.map((panel) => ["", panel.title, told(panel)]));
  }

  function distributions() {
    const drawn = view.curves.filter((one) => one.runs.some((points) => points));
    byId("distributions-missing").hidden = drawn.length > 0;
    drawn.forEach((one) => {
      const box = el("div", { className: "curve" });
      const which = el("div", { className: "runs-legend" },
        ...one.runs.flatMap((points, i) => (points ? [letter(i)] : [])), el("span", {}, `of ${one.of}`));
      byId("distribution-charts").append(el("div", { className: "panel" }, el("h3", {}, one.title), which, box));
      chart(box, `Cumulative distributions of ${one.title}. The table above has the numbers.`, () => curveOptions(one));
    });
  }

  const HEIGHT = 134;

  function timelineOptions(width) {
    const { panels, seconds, duration_s: total } = view;
    const at = (i) => 28 + i * HEIGHT;
    return {
      title: panels.map((panel, i) => ({ text: panel.title, left: 0, top: at(i) - 26, textStyle: { fontSize: 13, fontWeight: 600, color: color("text") } })),
      grid: panels.map((_, i) => ({ left: 70, right: 14, top: at(i), height: HEIGHT - 44, outerBoundsMode: "none" })),
      axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: color("muted") } },
      tooltip: tooltip({ trigger: "axis", formatter: (hits) => timelineTip(hits[0].axisValue) }),
      xAxis: panels.map((_, i) => axis({
        gridIndex: i, min: 0, max: total, interval: timeStep(total, width / 90),
        axisLabel: { showMaxLabel: false, formatter: (v) => (i === panels.length - 1 ? clock(v, total) : "") },
        splitLine: { show: true, lineStyle: { color: color("grid") } },
      })),
      yAxis: panels.map((panel, i) => axis({ gridIndex: i, min: 0, splitNumber: 3, axisLabel: { formatter: (v) => tick(v, panel.unit) } })),
      series: panels.flatMap((panel, i) => panel.runs.flatMap((values, run) => (values ? [{
        name: runs[run].label, type: "line", xAxisIndex: i, yAxisIndex: i, color: dye(run), lineStyle: { width: 1.6 },
        showSymbol: isolated(values), symbol: "circle", symbolSize: 4,
        data: values.map((value, j) => [seconds[run][j], value]),
      }] : []))),
    };
  }

  function timeline() {
    byId("timeline").hidden = !view.panels.length;
    if (!view.panels.length) return;
    byId("timeline-legend").append(...runs.map((run, i) => letter(i, `${run.label} ${run.name}`)));
    byId("timeline-chart").style.height = `${view.panels.length * HEIGHT + 10}px`;
    chart(byId("timeline-chart"), `Lines over time for each run: ${view.panels.map((panel) => panel.title).join(", ")}.`, timelineOptions);
  }

  // ---- how it was decided

  function decided() {
    const { resamples, comparisons, floor, histogram_error: error, resolution_ms: resolution, seed } = method;
    byId("method-body").append(...[
      `Each run was cut into blocks of requests that followed one another, and drawn again from them ${resamples.toLocaleString("en")} times (circular block bootstrap, seed ${seed}): what is measured close in time is alike, so single values would look surer than they are.`,
      `The spread of the draws is the error of a number. Differences are judged by Student's t with Welch's degrees of freedom; the probabilities of ${comparisons} comparisons are corrected together by Holm's method, so that at most one table in twenty calls anything where nothing differs.`,
      `A difference must also exceed ${percent(floor)} %, and our own error: ${percent(error)} % between two percentiles, and ${resolution} ms between two latencies. Error rates must differ by more than 0.1 points.`,
      "Two runs cannot show how much runs differ of themselves, from one start of the server to the next: repeat what matters.",
    ].map((text) => el("p", {}, text)));
  }

  choice(["linear", "log"], (scale) => { logScale = scale === "log"; });
  answer();
  different();
  runs.slice(1).forEach((_, i) => against(i + 1));
  distributions();
  timeline();
  decided();
})();
