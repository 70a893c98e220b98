/** Locust's own line charts over our points. */

import { useMemo } from "react";
import { useSelector } from "react-redux";
import { Box, Paper, Typography } from "@mui/material";
import { LineChart } from "locust-ui";
import type { Point } from "./api";
import { few } from "./numbers";

type Pair = [string, number | null];
interface Series {
  time: string[];
  [key: string]: Pair[] | string[];
}
interface Chart {
  title: string;
  unit: string;
  lines: { name: string; key: string }[];
  colors: string[];
  read: (point: Point) => (number | null | undefined)[];
}

const QUANTILES = ["p50", "p95", "p99"];
const THREE = ["#00ca5a", "#ff9f00", "#9966cc"];
const named = (names: string[]) => names.map((name) => ({ name, key: name }));

const latency = (title: string, metric: string): Chart => ({
  title: `${title} (ms)`,
  unit: " ms",
  lines: named(QUANTILES),
  colors: THREE,
  read: (point) => point.latency[metric] ?? [],
});

const CHARTS: Chart[] = [
  latency("TTFT", "ttft"),
  latency("ITL", "itl"),
  latency("E2E", "e2e"),
  {
    title: "Output tokens per second",
    unit: "/s",
    lines: named(["output tokens"]),
    colors: ["#0099ff"],
    read: (point) => [point.output_tokens_per_s],
  },
  {
    title: "Requests per second",
    unit: "/s",
    lines: named(["good", "failed"]),
    colors: ["#00ca5a", "#ff6d6d"],
    read: (point) => [point.requests_per_s, point.failed_per_s],
  },
  {
    title: "In flight",
    unit: "",
    lines: named(["users", "in flight"]),
    colors: ["#9966cc", "#0099ff"],
    read: (point) => [point.users, point.in_flight],
  },
  {
    title: "Send lag so far (ms)",
    unit: " ms",
    lines: named(QUANTILES),
    colors: THREE,
    read: (point) => point.send_lag,
  },
];
const ERROR_COLORS = ["#ff6d6d", "#ff9f00", "#9966cc", "#0099ff", "#8e4585", "#5b6f66"];

const timeOf = (at: number) => new Date(at).toTimeString().slice(0, 8);
const TIME_AXIS = {
  type: "time" as const,
  splitNumber: 4,
  axisLabel: { formatter: timeOf, hideOverlap: true },
};

function errorsOf(points: Point[]): Chart {
  const kinds = Object.keys(points.at(-1)?.errors ?? {});
  return {
    title: "Failed requests so far",
    unit: "",
    lines: named(kinds),
    colors: ERROR_COLORS,
    read: (point) => kinds.map((kind) => point.errors[kind] ?? 0),
  };
}

function seriesOf({ lines, read }: Chart, points: Point[]): Series {
  const time = points.map((point) => new Date(point.t).toISOString());
  const series: Series = { time };
  lines.forEach(({ key }, line) => {
    series[key] = points.map((point, index): Pair => [time[index]!, read(point)[line] ?? null]);
  });
  return series;
}

function One({ chart, points, dark }: { chart: Chart; points: Point[]; dark: boolean }) {
  const series = useMemo(() => seriesOf(chart, points), [chart, points]);
  const lines = useMemo(() => chart.lines, [chart.lines.map(({ key }) => key).join()]);
  return (
    <Paper aria-label={chart.title} className="chart" role="img" sx={{ p: 1, minWidth: 0 }} variant="outlined">
      <LineChart<Series>
        charts={series}
        chartValueFormatter={(value?: Pair) => `${few(value?.[1])}${chart.unit}`}
        colors={chart.colors}
        grid={{ left: 55, right: 20, bottom: 30 }}
        isDarkMode={dark}
        lines={lines}
        title={chart.title}
        xAxis={TIME_AXIS}
      />
    </Paper>
  );
}

export function Charts({ points }: { points: Point[] }) {
  const dark = useSelector((state: { theme: { isDarkMode: boolean } }) => state.theme.isDarkMode);
  const errors = useMemo(() => errorsOf(points), [points]);
  if (points.length < 2) return <Typography variant="body2">Charts begin with the first answers.</Typography>;
  const shown = errors.lines.length ? [...CHARTS, errors] : CHARTS;
  return (
    <Box sx={{ display: "grid", gap: 1, gridTemplateColumns: { xs: "minmax(0, 1fr)", md: "repeat(2, minmax(0, 1fr))" } }}>
      {shown.map((chart) => (
        <One
          chart={chart}
          dark={dark}
          key={`${chart.title} ${chart.lines.map(({ key }) => key).join()}`}
          points={points}
        />
      ))}
      {!errors.lines.length && (
        <Paper sx={{ p: 2, alignSelf: "start" }} variant="outlined">
          <Typography variant="body2">No request has failed.</Typography>
        </Paper>
      )}
    </Box>
  );
}
