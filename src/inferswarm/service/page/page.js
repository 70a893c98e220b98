"use strict";
(() => {
  const FINAL = ["done", "failed", "cancelled", "interrupted"];

  function showState(place, run) {
    const state = place.querySelector(".state span");
    state.textContent = state.className = run.state;
    const bar = place.querySelector("progress");
    bar.value = run.progress;
    bar.hidden = run.progress === 0 || run.progress === 1;
    place.querySelector(".verdict").textContent = verdict(run);
  }

  function verdict(run) {
    if (run.valid === null) return "";
    return run.valid ? "VALID" : "INVALID";
  }

  const number = (value, digits = 3) =>
    value === null || value === undefined ? "-" : Number(value.toPrecision(digits)).toLocaleString("en");

  function liveNumbers({ live }) {
    const shot = live.snapshot;
    if (!shot) return {};
    return {
      ...live.recent,
      in_flight: live.in_flight,
      succeeded: shot.requests.succeeded,
      failed: shot.requests.failed,
      ttft: shot.metrics.ttft.p50,
      itl: shot.metrics.itl.p50,
    };
  }

  function follow(place) {
    const events = new EventSource(place.dataset.events);
    events.addEventListener("run", (event) => {
      const run = JSON.parse(event.data);
      showState(place, run);
      const numbers = liveNumbers(run);
      for (const cell of place.querySelectorAll("[data-live]")) {
        if (cell.dataset.live in numbers) cell.textContent = number(numbers[cell.dataset.live]);
      }
      place.querySelector(".error").textContent = run.error;
      place.querySelector(".error").hidden = !run.error;
      if (FINAL.includes(run.state)) {
        events.close();
        location.reload(); // the page of a run that is over has more to say
      }
    });
    events.addEventListener("error", () => {
      // a refusal, as when too many watch, ends it for good; a cut connection it mends by itself
      if (events.readyState === EventSource.CLOSED) setTimeout(() => follow(place), 10000);
    });
  }

  async function refresh(table) {
    try {
      const answer = await fetch(table.dataset.runs);
      const { runs } = await answer.json();
      for (const run of runs) {
        const row = table.querySelector(`[data-id="${run.id}"]`);
        if (!row) return location.reload();
        showState(row, run);
        if (run.valid !== null && !row.querySelector(".report a")) {
          const link = document.createElement("a");
          link.href = run.links.report;
          link.textContent = "report";
          row.querySelector(".report").append(link);
        }
      }
    } catch {
      // the service is being restarted, or the network is away: it is asked again
    }
    setTimeout(() => refresh(table), document.hidden ? 20000 : 2000);
  }

  const run = document.getElementById("run");
  if (run && !run.dataset.over) follow(run);
  const table = document.getElementById("runs");
  if (table) setTimeout(() => refresh(table), 2000);
})();
