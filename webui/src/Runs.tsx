/** Earlier runs of this master, with what each left. */

import { useEffect, useState } from "react";
import { Link, Paper, Table, TableBody, TableCell, TableContainer, TableHead, TableRow, Typography } from "@mui/material";
import { ask, fileUrl, type Run } from "./api";
import { few } from "./numbers";
import { useWatched } from "./watch";

export function outcome(run: Run): string {
  if (!run.final) return "under way";
  if (run.final !== "done") return run.final;
  return run.verdict?.valid ? "VALID" : "INVALID";
}

export function Runs() {
  const { state } = useWatched();
  const [runs, setRuns] = useState<Run[]>([]);
  useEffect(() => {
    ask<{ runs: Run[] }>("runs").then((told) => setRuns(told.runs.toReversed())).catch(() => undefined);
  }, [state]);
  if (!runs.length) return <Typography>No run yet.</Typography>;
  return (
    <TableContainer component={Paper}>
      <Table size="small">
        <TableHead>
          <TableRow>
            {["Run", "Outcome", "Target", "Load", "Requests", "Failed", ""].map((title) => (
              <TableCell key={title}>{title}</TableCell>
            ))}
          </TableRow>
        </TableHead>
        <TableBody>
          {runs.map((run) => (
            <TableRow hover key={run.id}>
              <TableCell sx={{ whiteSpace: "nowrap" }}>{run.id}</TableCell>
              <TableCell>{outcome(run)}</TableCell>
              <TableCell>
                {run.target} ({run.backend} {run.api}
                {run.model ? `, ${run.model}` : ""})
              </TableCell>
              <TableCell>{run.arrivals || `${run.users} users`}</TableCell>
              <TableCell>{few(run.requests?.attempted)}</TableCell>
              <TableCell>{few(run.requests?.failed)}</TableCell>
              <TableCell>
                {run.final && run.verdict && (
                  <Link href={fileUrl(run.id!, "report.html")} target="_blank">
                    Report
                  </Link>
                )}
              </TableCell>
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </TableContainer>
  );
}
