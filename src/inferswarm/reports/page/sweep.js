"use strict";
(() => {
  const {
    byId, data, plain, tick, el, table, pairs, color, chart, axis, legend, tooltip, tip, download, choice,
  } = pages;
  const view = data("view");
  const AXES = { tokens: ["output_tokens_per_s", "output tokens/s"], requests: ["requests_per_s", "requests/s"] };
  let across = AXES.tokens;

  /** A load as it was asked for: no zeros that nobody wrote. */
  function loadText(load) {
    const text = Math.abs(load) < 100 ? Number(load.toPrecision(3)) : plain(load);
    return view.by === "rate" ? `${text}/s` : `${text} users`;
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
    const facts = [...view.facts, ...goals].map(([name, text]) => [name, el("dd", {}, text)]);
    byId("facts").append(...pairs(facts).children);
  }

  // ---- curves

  function pointTip(point, index) {
    const lines = view.charts.flatMap((one) => one.lines.map((line) => [`${one.title} ${line.name}`, plain(line.values[index], one.unit)]));
    const rows = [
      ["Requests/s", plain(point.requests_per_s)], ["Output tokens/s", plain(point.output_tokens_per_s)],
      ["In flight", plain(point.concurrency)], ...lines, ["Failed", plain(point.failed, "count")],
    ];
    const made = tip(loadText(point.load), rows.map(([name, text]) => ["", name, text]));
    made.append(point.met ? "" : el("div", {}, point.why));
    return made;
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
      grid: { left: 76, right: 24, top: 34, bottom: 46, outerBoundsMode: "none" },
      legend: legend({ show: one.lines.length > 1, right: 24, top: 4, data: one.lines.map((line) => line.name) }),
      tooltip: tooltip({ trigger: "item", formatter: (hit) => pointTip(view.points[hit.dataIndex], hit.dataIndex) }),
      xAxis: axis({ min: 0, name: across[1], nameLocation: "middle", nameGap: 28 }),
      yAxis: axis({ min: 0, max: highest > 0 ? undefined : 1, axisLabel: { formatter: (v) => tick(v, one.unit) } }),
      series: [...one.lines.map((line) => series(one, line)), marks(one)],
    };
  }

  function curves() {
    view.charts.filter((one) => one.lines.length).forEach((one) => {
      const box = el("div", { className: "curve sweep" });
      byId("charts").append(el("div", { className: "panel" }, el("h3", {}, one.title), box));
      const label = `${one.title} against throughput, ${view.points.length} points. The table below has the numbers.`;
      const drawn = chart(box, label, () => options(one));
      drawn.on("click", (hit) => {
        if (hit.dataIndex !== undefined && view.points[hit.dataIndex]) location.href = reportOf(view.points[hit.dataIndex]);
      });
    });
  }

  const reportOf = (point) => `${encodeURIComponent(point.folder)}/report.html`;

  // ---- table

  function points() {
    const lines = view.charts.flatMap((one) => one.lines.map((line) => [`${one.title} ${line.name}, ${one.unit}`, line]));
    const names = [view.by === "rate" ? "Rate" : "Users", "Requests/s", "Output tokens/s", "In flight", ...lines.map(([name]) => name), "Failed"];
    const head = [...names.map((text) => ({ text, number: true })), "Outcome"];
    const rows = view.points.map((point, i) => {
      const values = [point.requests_per_s, point.output_tokens_per_s, point.concurrency, ...lines.map(([, line]) => line.values[i])];
      const link = el("a", { href: reportOf(point) }, loadText(point.load));
      const said = point.met ? (view.slo.length ? "met" : "VALID") : point.why;
      return el("tr", { className: point.load === view.limit ? "limit" : "" },
        el("th", { scope: "row", className: "number" }, link),
        ...values.map((value) => el("td", { className: "number" }, plain(value))),
        el("td", { className: "number" }, plain(point.failed, "count")),
        el("td", { className: "said" }, el("span", { className: point.met ? "met" : "missed" }, said)));
    });
    byId("points").append(table(head, rows));
  }

  // ---- controls

  function controls() {
    choice(Object.keys(AXES), (name) => { across = AXES[name]; });
    download("download-csv", "sweep.csv", "text/csv", view.csv);
  }

  controls();
  answer();
  curves();
  points();
})();
