/** The page: header, then the start form or the tabs. */

import { useEffect, useState } from "react";
import { Alert, Box, Container, CssBaseline, ThemeProvider, Typography } from "@mui/material";
import { pushQuery, tabConfig, Tabs, useCreateTheme, useFetchStats, useFetchWorkerCount } from "locust-ui";
import { Header } from "./Header";
import { Inference } from "./Inference";
import { Runs } from "./Runs";
import { StartForm } from "./StartForm";
import { BUSY, useWatched } from "./watch";

const TABS = [
  { key: "inference", title: "Inference", component: Inference },
  { key: "runs", title: "Runs", component: Runs },
  tabConfig.stats,
  tabConfig.charts,
  tabConfig.failures,
  tabConfig.exceptions,
  tabConfig.reports,
  tabConfig.workers,
];

export const version = () => (window as { templateArgs?: { version?: string } }).templateArgs?.version ?? "";

export function App() {
  useFetchStats();
  useFetchWorkerCount();
  const { state, asked, lost } = useWatched();
  const [asks, setAsks] = useState<boolean | null>(null);
  const busy = BUSY.includes(state);

  // Whoever opens the page between runs came to start one, unless a tab was asked for.
  useEffect(() => {
    if (state && asks === null) setAsks(!busy && asked === 0 && !location.search.includes("tab="));
  }, [state]);
  useEffect(() => {
    if (state && state !== "idle" && state !== "preparing") setAsks(false);
  }, [state]);

  return (
    <ThemeProvider theme={useCreateTheme()}>
      <CssBaseline />
      <Box sx={{ minHeight: "calc(100vh - var(--footer-height))" }}>
        <Header asks={asks === true} onForm={setAsks} />
        <main>
          {lost && (
            <Container maxWidth="xl" sx={{ mt: 2 }}>
              <Alert severity="error">The master does not answer. What is shown may be old.</Alert>
            </Container>
          )}
          {asks === true && <StartForm onStarted={() => pushQuery({ tab: "inference" })} />}
          {asks === false && <Tabs tabs={TABS} />}
        </main>
      </Box>
      <Box component="footer" sx={{ height: "var(--footer-height)", px: 2, textAlign: "center" }}>
        <Typography color="text.secondary" variant="caption">
          inferswarm on Locust {version()}
        </Typography>
      </Box>
    </ThemeProvider>
  );
}
