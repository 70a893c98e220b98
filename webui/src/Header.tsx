/** What the master is at, in Locust's bar: the state, a few numbers, and the buttons. */

import { useState } from "react";
import { AppBar, Box, Button, Container, Divider, Toolbar, Typography } from "@mui/material";
import { DarkLightToggle, Logo } from "locust-ui";
import { ask } from "./api";
import { EditUsers } from "./EditUsers";
import { few } from "./numbers";
import { BUSY, LOADING, useWatched } from "./watch";

const SHOWN: Record<string, string> = { idle: "ready", "": "..." };

function Figure({ name, value, wide }: { name: string; value: string; wide?: boolean }) {
  return (
    <>
      <Divider flexItem orientation="vertical" sx={{ display: wide ? { xs: "none", md: "block" } : "block" }} />
      <Box
        sx={{
          display: wide ? { xs: "none", md: "flex" } : "flex",
          flexDirection: "column",
          alignItems: "center",
        }}
      >
        <Typography noWrap sx={{ fontWeight: "bold", fontSize: { xs: 12, md: 16 } }}>
          {name}
        </Typography>
        <Typography noWrap variant="button">
          {value}
        </Typography>
      </Box>
    </>
  );
}

function StopButton({ state }: { state: string }) {
  const [sent, setSent] = useState(false);
  const stopping = sent || state !== "running";
  const stop = () => {
    setSent(true);
    ask("stop", {}).catch(() => setSent(false));
  };
  return (
    <Button color="error" disabled={stopping} onClick={stop} variant="contained">
      {stopping ? "Stopping" : "Stop"}
    </Button>
  );
}

function LogoutButton() {
  const login = (window as { templateArgs?: { web_login?: boolean } }).templateArgs?.web_login;
  if (!login) return null;
  const leave = () => ask("logout", {}).finally(() => location.assign("/login"));
  return (
    <Button color="inherit" onClick={leave}>
      Log out
    </Button>
  );
}

export function Header({ asks, onForm }: { asks: boolean; onForm: (asks: boolean) => void }) {
  const { state, workers, live, run } = useWatched();
  const goes = LOADING.includes(state) && live.recent;
  return (
    <AppBar position="static">
      <Container maxWidth="xl">
        <Toolbar disableGutters sx={{ columnGap: 2, rowGap: 1, flexWrap: "wrap", py: 1 }}>
          <Box sx={{ display: "flex", alignItems: "center", columnGap: 1, flexGrow: 1 }}>
            <Logo />
          </Box>
          <Box id="monitor" sx={{ display: "flex", columnGap: { xs: 1.5, md: 2 } }}>
            <Box sx={{ display: "flex", flexDirection: "column", alignItems: "center" }}>
              <Typography noWrap sx={{ fontWeight: "bold", fontSize: { xs: 12, md: 16 } }}>
                Status
              </Typography>
              <Typography id="state" noWrap variant="button">
                {SHOWN[state] ?? state}
              </Typography>
            </Box>
            {goes && <Figure name="Users" value={few(live.users)} />}
            {goes && <Figure name="In flight" value={few(live.in_flight)} wide />}
            {goes && <Figure name="Tokens/s" value={few(live.recent?.output_tokens_per_s)} />}
            {goes && <Figure name="RPS" value={few(live.recent?.requests_per_s)} />}
            {goes && <Figure name="Failed" value={few(live.snapshot?.requests.failed)} wide />}
            {goes || workers ? <Figure name="Workers" value={few(goes ? live.workers : workers)} wide /> : null}
          </Box>
          <Box sx={{ display: "flex", columnGap: 1, alignItems: "center" }}>
            {state === "running" && !run.arrivals && goes && <EditUsers users={live.users ?? 1} />}
            {LOADING.includes(state) && <StopButton key={run.id} state={state} />}
            {!BUSY.includes(state) && !asks && (
              <Button color="success" onClick={() => onForm(true)} variant="contained">
                New
              </Button>
            )}
            {asks && (
              <Button color="inherit" onClick={() => onForm(false)}>
                Results
              </Button>
            )}
            <LogoutButton />
            <DarkLightToggle />
          </Box>
        </Toolbar>
      </Container>
    </AppBar>
  );
}
