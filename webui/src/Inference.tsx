/** The Inference tab: the numbers so far, live charts, and what the run left when it is over. */

import { useEffect, useState } from "react";
import {
  Alert,
  Box,
  Button,
  Chip,
  LinearProgress,
  Link,
  Paper,
  Table,
  TableBody,
  TableCell,
  TableContainer,
  TableHead,
  TableRow,
  Typography,
} from "@mui/material";
import { ask, fileUrl, type Goal, type Run, type Snapshot, type Stats } from "./api";
import { Charts } from "./Charts";
import { few, size, withUnit } from "./numbers";
import { BUSY, useWatched } from "./watch";

const SAID: Record<string, string> = {
  preparing: "The configuration is checked.",
  starting: "Workers are getting ready.",
  running: "Numbers so far; the charts show the last 5 seconds.",
  draining: "Nothing more is asked; answers under way are waited for.",
  finishing: "The report is made from the records.",
};

function VerdictLine({ shot, so_far }: { shot: Snapshot; so_far: boolean }) {
  const { valid, reasons, warnings = [] } = shot.verdict;
  return (
    <Box id="verdict" sx={{ display: "flex", columnGap: 1, rowGap: 0.5, flexWrap: "wrap", alignItems: "center" }}>
      <Chip
        color={valid ? "success" : "error"}
        label={`${valid ? "VALID" : "INVALID"}${so_far ? " so far" : ""}`}
        sx={{ fontWeight: "bold" }}
      />
      {[...reasons, ...warnings].map((why) => (
        <Typography key={why} variant="body2">
          {why}
        </Typography>
      ))}
    </Box>
  );
}

function Tile({ id, title, value, note }: { id: string; title: string; value: string; note?: string }) {
  return (
    <Paper sx={{ p: 1.5, minWidth: 0 }} variant="outlined">
      <Typography color="text.secondary" noWrap variant="body2">
        {title}
      </Typography>
      <Typography id={id} noWrap variant="h6">
        {value}
      </Typography>
      <Typography color="text.secondary" noWrap variant="caption">
        {note ?? "\u00a0"}
      </Typography>
    </Paper>
  );
}

const tails = (stats: Stats | undefined) => `p95 ${few(stats?.p95)}, p99 ${few(stats?.p99)} ms`;

function Tiles({ shot }: { shot: Snapshot }) {
  const { metrics, throughput, requests, concurrency } = shot;
  const latency = (name: string, title: string) => (
    <Tile
      id={name}
      note={tails(metrics[name])}
      title={`${title} p50`}
      value={withUnit(metrics[name]?.p50, "ms")}
    />
  );
  return (
    <Box sx={{ display: "grid", gap: 1, gridTemplateColumns: { xs: "1fr 1fr", sm: "repeat(3, 1fr)", lg: "repeat(6, 1fr)" } }}>
      <Tile
        id="tokens"
        note={`${few(shot.tokens.output)} in all`}
        title="Output tokens/s"
        value={few(throughput.output_tokens_per_s)}
      />
      {latency("ttft", "TTFT")}
      {latency("itl", "ITL")}
      {latency("e2e", "E2E")}
      <Tile
        id="requests"
        note={`${few(requests.attempted)} asked, ${few(requests.failed)} failed`}
        title="Requests/s"
        value={few(throughput.requests_per_s)}
      />
      <Tile
        id="concurrency"
        note={`at most ${few(concurrency.max)}`}
        title="In flight, mean"
        value={few(concurrency.mean)}
      />
    </Box>
  );
}

const COLUMNS: [string, keyof Stats][] = [
  ["ttft", "p50"],
  ["ttft", "p95"],
  ["ttft", "p99"],
  ["itl", "p50"],
  ["itl", "p99"],
  ["e2e", "p50"],
  ["e2e", "p95"],
  ["e2e", "p99"],
];

function KindTable({ shot, run }: { shot: Snapshot; run: Run }) {
  const turns = shot.conversations?.by_turn ?? [];
  const cells = (metrics: Record<string, Stats>) =>
    COLUMNS.map(([name, at]) => <TableCell key={name + at}>{few(metrics[name]?.[at] as number | null)}</TableCell>);
  return (
    <TableContainer component={Paper} id="kinds" variant="outlined">
      <Table size="small" sx={{ "& th, & td": { px: 1.25 } }}>
        <TableHead>
          <TableRow>
            {["Backend", "Request kind", "Good", "Failed", "Tokens/s", ...COLUMNS.map(([name, at]) => `${name.toUpperCase()} ${at}`)].map(
              (title) => (
                <TableCell key={title} sx={{ whiteSpace: "nowrap" }}>
                  {title}
                </TableCell>
              ),
            )}
          </TableRow>
        </TableHead>
        <TableBody>
          <TableRow hover>
            <TableCell sx={{ whiteSpace: "nowrap" }}>{run.backend}</TableCell>
            <TableCell sx={{ whiteSpace: "nowrap" }}>{run.api}</TableCell>
            <TableCell>{few(shot.requests.succeeded)}</TableCell>
            <TableCell>{few(shot.requests.failed)}</TableCell>
            <TableCell>{few(shot.throughput.output_tokens_per_s)}</TableCell>
            {cells(shot.metrics)}
          </TableRow>
          {turns.map(({ turn, metrics }) => (
            <TableRow hover key={turn}>
              <TableCell>{run.backend}</TableCell>
              <TableCell sx={{ whiteSpace: "nowrap" }}>
                {run.api}, turn {turn}
              </TableCell>
              <TableCell>{few(metrics.e2e?.count)}</TableCell>
              <TableCell />
              <TableCell />
              {cells(metrics)}
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </TableContainer>
  );
}

function Goals({ goals }: { goals: Goal[] }) {
  return (
    <Box id="goals" sx={{ display: "flex", gap: 1, flexWrap: "wrap" }}>
      {goals.map((goal) => (
        <Chip
          color={goal.met ? "success" : "error"}
          key={goal.goal}
          label={`${goal.goal}: ${goal.met ? "met" : "missed"} (${withUnit(goal.value, goal.unit)})`}
          variant="outlined"
        />
      ))}
    </Box>
  );
}

/** What people come for; the other files are for whoever wants to know more. */
const WANTED = ["report.html", "summary.json", "requests.csv", "requests.parquet", "llm-d-report.json"];

function Downloads({ id }: { id: string }) {
  const [files, setFiles] = useState<{ name: string; bytes: number }[]>([]);
  useEffect(() => {
    ask<{ files: { name: string; bytes: number }[] }>(`runs/${id}/files`)
      .then((told) => setFiles(told.files))
      .catch(() => setFiles([]));
  }, [id]);
  return (
    <Box id="downloads" sx={{ display: "flex", gap: 1, flexWrap: "wrap", alignItems: "center" }}>
      <Button href={fileUrl(id, "report.html")} target="_blank" variant="contained">
        Open the report
      </Button>
      {files
        .filter(({ name }) => WANTED.includes(name))
        .map(({ name, bytes }) => (
          <Button download={name} href={fileUrl(id, name)} key={name} sx={{ textTransform: "none" }} variant="outlined">
            {name} ({size(bytes)})
          </Button>
        ))}
      <Typography color="text.secondary" component="div" sx={{ display: "flex", columnGap: 1.5, flexWrap: "wrap" }} variant="body2">
        {files
          .filter(({ name }) => !WANTED.includes(name))
          .map(({ name }) => (
            <Link color="inherit" download={name} href={fileUrl(id, name)} key={name}>
              {name}
            </Link>
          ))}
      </Typography>
    </Box>
  );
}

function Heading({ run, state }: { run: Run; state: string }) {
  if (!run.id) return null;
  return (
    <Box>
      <Typography component="h2" sx={{ overflowWrap: "anywhere" }} variant="h6">
        {run.target}
      </Typography>
      <Typography color="text.secondary" variant="body2">
        {run.backend} {run.api}
        {run.model ? `, model ${run.model}` : ""}, {run.arrivals || `${run.users} users`}, run {run.id}
        {state === "idle" && run.final ? `, ${run.final}` : ""}
      </Typography>
    </Box>
  );
}

export function Inference() {
  const { state, run, live, points, final, asked } = useWatched();
  const shot = final ?? live.snapshot;
  const busy = BUSY.includes(state);
  if (!busy && !shot && !run.id) return <Typography>No run yet: start one with New.</Typography>;
  return (
    <Box sx={{ display: "flex", flexDirection: "column", rowGap: 2, pb: 3 }}>
      <Heading run={run} state={state} />
      {busy && (
        <Box>
          <Typography variant="body2">{SAID[state]}</Typography>
          {state !== "running" && <LinearProgress sx={{ mt: 1 }} />}
        </Box>
      )}
      {!busy && run.error && <Alert severity="error">{run.error}</Alert>}
      {shot && (
        <>
          <VerdictLine shot={shot} so_far={!final} />
          {final?.goals && final.goals.length > 0 && <Goals goals={final.goals} />}
          {final && run.id && <Downloads id={run.id} />}
          <Tiles shot={shot} />
          <Charts key={asked} points={points} />
          <KindTable run={run} shot={shot} />
        </>
      )}
    </Box>
  );
}
