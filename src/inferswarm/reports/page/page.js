"use strict";
(() => {
  const {
    byId, data, share, plain, tick, el, number, prose, table, pairs, rowHead, list,
    color, chart, axis, amountAxis, legend, tooltip, tip, clock, timeStep, isolated, download, choice,
  } = pages;
  const snapshot = data("snapshot");
  const view = data("view");
  let logScale = false;

  // ---- numbers

  const INTERVALS = ["p50", "p90", "p95", "p99", "p99_9"];
  const within = (stats, name) => stats.ci95[name].map((value) => plain(value, stats.unit)).join(" to ");

  /** A percentile, marked when its sample is too small for it, with its interval where there is one. */
  function sampled(tag, stats, name, props = {}) {
    const made = number(tag, stats[name], name === "count" ? "count" : stats.unit, props);
    if (stats.too_few.includes(name)) {
      made.prepend("~");
      made.title = "Too few requests for this percentile: the true one has no upper bound at 95 %.";
    } else if (stats.ci95[name]) {
      made.title = `95 % confidence: ${within(stats, name)}`;
    }
    return made;
  }

  /** The intervals of a metric's percentiles in a sentence; empty where there are none. */
  function intervals(stats) {
    const known = INTERVALS.filter((name) => stats.ci95[name]);
    if (!known.length) return "";
    return `With 95 % confidence the true percentiles lie within: ${known.map((name) => `${name.replace("_", ".")} ${within(stats, name)}`).join("; ")}.`;
  }

  // ---- the answer

  function answer() {
    const { run, verdict } = snapshot;
    const facts = Object.fromEntries(view.facts);
    const title = facts.Model ?? facts.Target ?? "Run";
    byId("answer-title").textContent = title;
    byId("verdict").textContent = verdict.valid ? "VALID" : "INVALID";
    byId("verdict").className = verdict.valid ? "valid" : "invalid";
    const seconds = snapshot.window.run_s;
    const others = [...view.facts, ["Duration", clock(seconds, seconds)]].filter(([, text]) => text !== title);
    byId("facts").append(...pairs(others.map(([name, text]) => [name, el("dd", {}, text)])).children);
    byId("window").hidden = !view.window;
    byId("window").textContent = view.window && `${view.window[0].toUpperCase()}${view.window.slice(1)}.`;
    byId("reasons").hidden = verdict.valid;
    byId("reasons").querySelector("ul").append(...verdict.reasons.map((reason) => el("li", {}, reason)));
    list("warnings", verdict.warnings.map((warning) => `Warning: ${warning}`));
    list("notes", run.notes ?? []);
    byId("simulated").hidden = run.simulated !== true;
    byId("simulated").append(
      el("b", {}, "Simulated. "),
      "These numbers describe the built-in simulator; no real server was measured.",
    );
    byId("cards").append(...view.headline.map(({ title, value, unit, note }) =>
      el("div", { className: "card" }, el("h2", {}, title), number("p", value, unit, { className: "big" }),
        el("p", { className: "small" }, note))));
    byId("latency").append(...view.latency.map((one) =>
      el("div", { className: "card" }, el("h2", {}, one.title, el("span", {}, ` · ${one.note}`)),
        pairs(["p50", "p95", "p99"].map((name) => [name, sampled("dd", one, name)])))));
  }

  // ---- goals

  function goals() {
    const asked = view.goals;
    byId("goals").hidden = byId("goals-link").hidden = !asked;
    if (!asked) return;
    const judged = asked.rows.length > 0;
    byId("goals-state").hidden = byId("goals-panel").hidden = !judged;
    byId("goals-state").textContent = asked.state;
    byId("goals-state").className = asked.met ? "met" : "missed";
    const head = ["Goal", "", { text: "Measured", number: true }, { text: "Margin", number: true }, "Note"];
    byId("goals-panel").append(table(head, asked.rows.map((row) => el("tr", {}, rowHead(el("code", {}, row.goal)),
      el("td", { className: row.met ? "met" : "missed" }, row.met ? "met" : "MISSED"),
      el("td", { className: "number" }, row.measured), el("td", { className: "number" }, row.margin),
      el("td", { className: "said" }, row.about))), "stack"));
    if (asked.goodput) goodput(asked.goodput);
  }

  function goodput({ limits, attempted, good, share: part, missed, untold, ...rates }) {
    byId("goodput-note").append(...prose(`Goodput counts the requests that succeeded within every limit: ${limits.map((one) => `\`${one}\``).join(", ")}. The share is of all that were attempted.`));
    byId("goodput-panel").hidden = false;
    const figures = [["Good requests", part, "share", `${plain(good, "count")} of ${plain(attempted, "count")}`],
      ["Good requests/s", rates.requests_per_s, "", ""], ["Tokens/s of good requests", rates.output_tokens_per_s, "", ""]];
    byId("goodput-panel").append(el("dl", { className: "parts" }, ...figures.map(([title, value, unit, note]) =>
      el("div", {}, el("dt", {}, title), number("dd", value, unit), el("dd", { className: "small" }, note)))));
    const rows = limits.map((one) => el("tr", {}, rowHead(el("code", {}, one)), el("td", {}, `${plain(missed[one], "count")} not within`),
      el("td", { className: "said" }, untold[one] ? `${plain(untold[one], "count")} of them have no such value` : "")));
    byId("goodput-panel").append(table(["Limit", "Successful requests", "Note"], rows, "stack"));
  }

  // ---- charts

  const PANEL_HEIGHT = 134;

  const dyeOf = (line) => color(line.color || line.name || "main");

  /** Spans of the run, in seconds, that the throughput is not of. */
  function leftOut() {
    const { begin_s: begin, end_s: end, run_s: total } = snapshot.window;
    return [[0, begin], [end, total]].filter(([from, to]) => to - from > total / 500);
  }

  function timelineOptions(width) {
    const { seconds, panels, duration_s: total } = view.timeline;
    const at = (i) => 28 + i * PANEL_HEIGHT;
    return {
      title: panels.map((panel, i) => panelTitle(panel, at(i) - 26)),
      grid: panels.map((_, i) => ({ left: 70, right: 14, top: at(i), height: PANEL_HEIGHT - 44, outerBoundsMode: "none" })),
      axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: color("muted") } },
      tooltip: tooltip({ trigger: "axis", formatter: (hits) => timelineTip(hits[0].dataIndex) }),
      xAxis: panels.map((_, i) => axis({
        gridIndex: i, min: 0, max: total, interval: timeStep(total, width / 90),
        axisLabel: { showMaxLabel: false, formatter: (v) => (i === panels.length - 1 ? clock(v, total) : "") },
        splitLine: { show: true, lineStyle: { color: color("grid") } },
      })),
      yAxis: panels.map((panel, i) => axis({
        gridIndex: i, min: 0, splitNumber: 3, axisLabel: { formatter: (v) => tick(v, panel.unit) },
      })),
      series: panels.flatMap((panel, i) => panel.lines.map((line, j) => ({
        type: "line", xAxisIndex: i, yAxisIndex: i, color: dyeOf(line), lineStyle: { width: 1.6 },
        data: line.values.map((value, j) => [seconds[j], value]),
        showSymbol: isolated(line.values), symbol: "circle", symbolSize: 4,
        areaStyle: line.name ? undefined : { opacity: 0.1 },
        markArea: j ? undefined : {
          silent: true, itemStyle: { color: color("muted"), opacity: 0.13 },
          data: leftOut().map(([from, to]) => [{ xAxis: from }, { xAxis: to }]),
        },
      }))),
    };
  }

  function panelTitle(panel, top) {
    const named = panel.lines.filter((line) => line.name && line.name !== "failed");
    const rich = Object.fromEntries(named.map((line) => [line.color || line.name, { color: dyeOf(line), fontSize: 12, padding: [0, 0, 0, 10] }]));
    const text = panel.title + named.map((line) => `{${line.color || line.name}|● ${line.name}}`).join("");
    return { text, left: 0, top, textStyle: { fontSize: 13, fontWeight: 600, color: color("text"), rich } };
  }

  function timelineTip(index) {
    const { seconds, panels, duration_s: total } = view.timeline;
    const rows = panels.flatMap((panel) => panel.lines.map((line) => [
      dyeOf(line), lineTitle(panel, line), plain(line.values[index], panel.unit),
    ]));
    return tip(`at ${clock(seconds[index], total)}`, rows);
  }

  const lineTitle = (panel, line) =>
    line.name && line.name !== "failed" ? `${panel.title} ${line.name}` : panel.title;

  function timeline() {
    const { panels, seconds, width_s: width } = view.timeline;
    if (!panels.length) {
      byId("timeline-note").textContent = seconds.length ? "Too little happened to draw." : "No request was sent.";
      byId("timeline-chart").parentElement.hidden = true;
      return;
    }
    byId("timeline-note").textContent =
      `Time since the first request, in steps of ${width} s. Latencies stand where their request ended, tokens where they came.${leftOut().length ? " Shaded: not in the throughput." : ""}`;
    list("server-notes", view.server_notes);
    byId("timeline-chart").style.height = `${panels.length * PANEL_HEIGHT + 10}px`;
    const names = panels.map((panel) => panel.title).join(", ");
    chart(byId("timeline-chart"), `Lines over time: ${names}. The same numbers follow as a table.`, timelineOptions);
    byId("timeline-table").addEventListener("toggle", timelineTable, { once: true });
  }

  function timelineTable() {
    const { panels, seconds, duration_s: total } = view.timeline;
    const lines = panels.flatMap((panel) => panel.lines.map((line) => ({ panel, line })));
    const head = ["Time", ...lines.map(({ panel, line }) => ({ text: lineTitle(panel, line), number: true }))];
    const rows = seconds.map((at, i) => el("tr", {}, rowHead(clock(at, total)),
      ...lines.map(({ panel, line }) => number("td", line.values[i], panel.unit, { className: "number" }))));
    byId("timeline-table").append(el("div", { tabIndex: 0 }, table(head, rows)));
  }

  // Where each percentile's name fits beside a curve that rises to the right.
  const MARK_PLACES = { p50: "right", p90: "right", p95: "left", p99: "top" };

  function curveOptions(one) {
    const marks = Object.entries(one.marks).filter(([, value]) => value !== null);
    const lowest = (value) => (logScale ? Math.max(value, 0.01) : value);
    const dyes = [color("p50"), color("p95")];
    return {
      color: dyes,
      grid: { left: 50, right: 30, top: 26, bottom: 26, outerBoundsMode: "none" },
      legend: legend({ show: one.curves.length > 1, left: 64, top: 8, orient: "vertical" }),
      tooltip: tooltip({ trigger: "axis", formatter: (hits) => curveTip(one, hits) }),
      xAxis: axis(curveAxis(one, lowest)),
      yAxis: axis({ min: 0, max: 1, interval: 0.25, axisLabel: { formatter: (v) => `${v * 100} %` } }),
      series: one.curves.map(({ name, points }, i) => ({
        name, type: "line", step: "end", showSymbol: false,
        data: points.map(([value, upto]) => [lowest(value), upto]),
        z: i ? 2 : 3, lineStyle: i ? { width: 6, opacity: 0.45 } : { width: 2 },
        markPoint: i ? undefined : {
          symbol: "circle", symbolSize: 8,
          itemStyle: { color: color("surface"), borderColor: dyes[0], borderWidth: 2 },
          data: marks.map(([mark, value]) => ({
            name: mark, coord: [lowest(value), Number(mark.slice(1)) / 100],
            label: { formatter: mark, position: MARK_PLACES[mark], color: color("text"), fontSize: 12 },
          })),
        },
      })),
    };
  }

  const curveAxis = (one, lowest) =>
    amountAxis(one.unit, one.p99_9 * 1.1, logScale && one.curves.flatMap(({ points }) => [points[0][0], points.at(-1)[0]].map(lowest)));

  const curveTip = (one, hits) => tip(`up to ${plain(hits[0].value[0], one.unit)}`,
    hits.map((hit) => [hit.color, one.curves.length > 1 ? hit.seriesName : one.of, plain(hit.value[1], "share")]));

  function distributions() {
    const missing = view.distributions.filter((one) => !one.curves.length).map((one) => one.title);
    view.distributions.filter((one) => one.curves.length).forEach(distribution);
    byId("distributions-missing").hidden = !missing.length;
    byId("distributions-missing").textContent = snapshot.requests.succeeded
      ? `Not known: ${missing.join(", ")}; no answer was streamed with enough tokens.`
      : "No request succeeded, so there is nothing to draw.";
  }

  function distribution(one) {
    const marks = Object.entries(one.marks);
    const values = pairs(marks.map(([name, value]) => [name, number("dd", value, one.unit)]), "marks");
    const box = el("div", { className: "curve" });
    byId("distribution-charts").append(el("div", { className: "panel" }, el("h3", {}, one.title), values, box));
    const said = marks.map(([name, value]) => `${name} ${plain(value, one.unit)}`).join(", ");
    chart(box, `Cumulative distribution of ${one.title}: ${said}.`, () => curveOptions(one));
  }

  function firstToken() {
    const told = view.first_token;
    byId("first-token").hidden = byId("first-token-link").hidden = !told;
    if (!told) return;
    byId("first-token-note").append(...prose(told.note));
    byId("first-token-panel").hidden = !told.parts.length;
    byId("first-token-whole").append(`${told.whole.title}, mean `, number("span", told.whole.mean, told.whole.unit));
    const said = told.parts.map(({ title, mean, unit, share: part }) => `${title} ${plain(mean, unit)}, ${share(part)} %`);
    byId("first-token-bar").setAttribute("role", "img");
    byId("first-token-bar").setAttribute("aria-label", `Parts of the mean time to first token: ${said.join("; ")}.`);
    byId("first-token-bar").append(...told.parts.map((part, i) => {
      const piece = el("div", { className: part.name, title: said[i] });
      piece.style.flexGrow = part.share;
      return piece;
    }));
    byId("first-token-parts").append(...told.parts.map((part) => el("div", {},
      el("dt", {}, el("span", { className: `dot ${part.name}` }), part.title),
      number("dd", part.mean, part.unit), el("dd", { className: "small" }, plain(part.share, "share")))));
    const head = ["Part", ...["Mean", "Share", "p50", "p99", "Requests"].map((text) => ({ text, number: true })), "Meaning"];
    const rows = [...told.parts, told.whole].map((part) => el("tr", {}, rowHead(part.title),
      ...[["mean", part.unit], ["share", "share"], ["p50", part.unit], ["p99", part.unit], ["count", "count"]].map(
        ([key, unit]) => number("td", part[key], unit, { className: "number" })),
      el("td", { className: "said" }, part.sentence)));
    byId("first-token-table").append(el("div", { className: "scroll", tabIndex: 0 }, table(head, rows)));
  }

  function conversations() {
    const told = view.conversations;
    byId("conversations").hidden = byId("conversations-link").hidden = !told;
    if (!told) return;
    byId("conversations-note").textContent = `${told.sentence}. Turns count from 0; each repeats what was said before.`;
    const head = ["Turn", ...["Good answers", ...told.columns].map((text) => ({ text, number: true }))];
    byId("conversations-table").append(table(head, told.rows.map((row) => el("tr", {}, rowHead(row.turn),
      number("td", row.count, "count", { className: "number" }),
      ...row.cells.map(({ value, unit }) => number("td", value, unit, { className: "number" }))))));
  }

  function prompts() {
    const { why_not: whyNot, unit, points, trend, of } = view.prompts;
    byId("prompts-panel").hidden = Boolean(whyNot);
    byId("prompts-note").textContent = whyNot || [
      points.length < of ? `A sample of ${points.length.toLocaleString("en")} of ${of.toLocaleString("en")} successful requests.` : `Every successful request: ${of.toLocaleString("en")}.`,
      unit === "tokens" ? "" : "The server did not count input tokens, so the length is in characters.",
      trend.length ? "The line joins the medians of ten groups by length." : "",
    ].join(" ");
    if (whyNot) return;
    chart(byId("prompts-chart"), `Time to first token against input ${unit}, ${points.length} requests.`, () => ({
      grid: { left: 70, right: 18, top: 30, bottom: 44, outerBoundsMode: "none" },
      tooltip: tooltip({ trigger: "item", formatter: (hit) => promptTip(hit, unit) }),
      xAxis: axis({ scale: true, name: `input ${unit}`, nameLocation: "middle", nameGap: 28 }),
      yAxis: axis({ min: 0, name: "TTFT", nameGap: 12, axisLabel: { formatter: (v) => tick(v, "ms") } }),
      series: [
        { type: "scatter", data: points, symbolSize: 6, itemStyle: { color: color("p50"), opacity: 0.45 } },
        { type: "line", data: trend, color: color("p95"), symbolSize: 6, symbol: "circle", lineStyle: { width: 2 } },
      ],
    }));
  }

  function promptTip(hit, unit) {
    const [length, ttft, output, sent] = hit.value;
    const rows = [[hit.color, "TTFT", plain(ttft, "ms")]];
    if (output === undefined) return tip(`median at ${length} input ${unit}`, rows);
    rows.push([hit.color, "output", `${output} tokens`], [hit.color, "sent at", `${sent} s`]);
    return tip(`${length} input ${unit}`, rows);
  }

  // ---- tables

  const COLUMNS = ["count", "mean", "min", "p50", "p90", "p95", "p99", "p99_9", "max"];

  function tokens() {
    const { sources, cautions } = view.tokens;
    list("cautions", cautions);
    if (!sources.length) {
      byId("tokens-body").append(el("p", { className: "empty" }, "No tokens were counted."));
      return;
    }
    const head = ["Source", { text: "Output tokens", number: true }, { text: "Input tokens", number: true }, "Meaning"];
    const cell = (count, part, kind) => el("td", { className: "number" }, plain(count, "count"),
      el("span", { className: "unit part" }, el("span", { className: "kind" }, `${kind} `), part === null ? "" : plain(part, "share")));
    const rows = sources.map((one) => el("tr", {}, rowHead(el("code", {}, one.name)),
      cell(one.output, one.output_share, "output"), cell(one.input, one.input_share, "input"),
      el("td", { className: "said" }, ...prose(one.sentence))));
    byId("tokens-body").append(el("div", { className: "panel" }, table(head, rows, "stack")));
  }

  function metrics() {
    const head = ["Metric", ...COLUMNS.map((name) => ({ text: name.replace("_", "."), number: true }))];
    const rows = view.metrics.flatMap((metric) => {
      const stats = snapshot.metrics[metric.name];
      const cells = COLUMNS.map((name) => sampled("td", stats, name, { className: "number" }));
      const meaning = meaningRow(metric);
      const more = el("button", { type: "button", className: "more", title: metric.sentence.replaceAll("`", "") }, metric.title);
      more.setAttribute("aria-expanded", "false");
      more.addEventListener("click", () => {
        meaning.hidden = !meaning.hidden;
        more.setAttribute("aria-expanded", String(!meaning.hidden));
      });
      const row = el("tr", { className: stats.count ? "" : "without" }, rowHead(more), ...cells);
      return [row, meaning];
    });
    const error = Math.max(...Object.values(snapshot.metrics).map((stats) => stats.relative_error));
    byId("metrics-note").textContent =
      `Successful requests only; percentiles are within ${plain(error, "share")} of a measured value. ~ marks those of too few requests. Press a name for what it means, what other tools call it, and how far its percentiles can be trusted.`;
    const made = table(head, rows);
    byId("metrics-table").append(made);
    emptyRows(made);
  }

  /** Metrics without any value stay away until they are asked for. */
  function emptyRows(made) {
    const hidden = made.querySelectorAll("tr.without");
    const button = byId("show-empty");
    const names = view.metrics.filter((metric) => !snapshot.metrics[metric.name].count).map((metric) => metric.title);
    const show = (shown) => {
      made.classList.toggle("all", shown);
      button.setAttribute("aria-pressed", String(shown));
      button.textContent = `${shown ? "Hide" : "Show"} ${hidden.length} without values`;
    };
    button.hidden = !hidden.length;
    button.title = names.join(", ");
    if (hidden.length) byId("metrics-note").append(` ${hidden.length} of ${view.metrics.length} metrics have no value in this run and are left out unless asked for.`);
    button.addEventListener("click", () => show(!made.classList.contains("all")));
    show(false);
  }

  function meaningRow({ name, sentence, aliases }) {
    const cell = el("td", { colSpan: COLUMNS.length + 1 }, el("p", {}, ...prose(sentence)));
    if (aliases) cell.append(el("p", {}, `Elsewhere: ${aliases}.`));
    const known = intervals(snapshot.metrics[name]);
    if (known) cell.append(el("p", {}, known));
    return el("tr", { className: "meaning", hidden: true }, cell);
  }

  function errors() {
    if (!view.errors.length) {
      const none = snapshot.requests.attempted ? "No errors." : "No request was sent.";
      byId("errors-body").append(el("p", { className: "empty" }, none));
      return;
    }
    const head = ["Outcome", { text: "Count", number: true }, { text: "Share of all", number: true }, "Meaning"];
    const rows = view.errors.map((error) => el("tr", {}, rowHead(el("code", {}, error.kind)),
      number("td", error.count, "count", { className: "number" }), number("td", error.share, "share", { className: "number" }),
      el("td", { className: "said" }, ...prose(error.sentence), ...samples(error))));
    byId("errors-body").append(el("div", { className: "panel" }, table(head, rows, "stack")));
  }

  function samples({ samples: kept }) {
    if (!kept.length) return [];
    const shown = kept.map(({ where, detail, body }) => el("div", { className: "sample" },
      el("div", {}, where), ...(detail ? [el("code", {}, detail)] : []), ...(body ? [el("pre", {}, body)] : [])));
    return [el("details", {}, el("summary", {}, kept.length > 1 ? `The first ${kept.length}` : "The first"), ...shown)];
  }

  function client() {
    const rows = view.client.map(({ title, value, unit, sentence }) =>
      el("tr", {}, rowHead(title), number("td", value === "" ? null : value, unit, { className: unit ? "value" : "text" }), el("td", { className: "said" }, ...prose(sentence))));
    byId("client-table").append(table(["", "Value", "Meaning"], rows, "stack"));
  }

  function config() {
    const blocks = view.config.map(({ title, rows }) => el("div", { className: "panel" },
      el("h3", {}, title), el("dl", {}, ...rows.flatMap(([key, text]) => [el("dt", {}, key), el("dd", {}, text)]))));
    byId("config-body").append(...(blocks.length ? blocks : [el("p", { className: "empty" }, "Not recorded.")]));
  }

  // ---- controls

  function controls() {
    choice(["linear", "log"], (scale) => { logScale = scale === "log"; });
    download("download-json", "summary.json", "application/json", byId("snapshot").textContent);
    download("download-csv", "metrics.csv", "text/csv", view.csv);
  }

  controls();
  answer();
  goals();
  timeline();
  distributions();
  firstToken();
  conversations();
  prompts();
  tokens();
  metrics();
  errors();
  client();
  config();
})();
