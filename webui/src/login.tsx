import { useState, type FormEvent } from "react";
import { createRoot } from "react-dom/client";
import { Provider } from "react-redux";
import { Alert, Box, Button, Container, CssBaseline, TextField, ThemeProvider, Typography } from "@mui/material";
import { DarkLightToggle, locustStore, useCreateTheme } from "locust-ui";
import { ask, Refused } from "./api";

function Login() {
  const [error, setError] = useState("");
  const enter = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    try {
      await ask("login", Object.fromEntries(new FormData(event.currentTarget)));
      location.assign("/");
    } catch (refused) {
      setError(refused instanceof Refused ? refused.message : "The master does not answer.");
    }
  };
  return (
    <ThemeProvider theme={useCreateTheme()}>
      <CssBaseline />
      <Box sx={{ position: "absolute", top: 4, right: 4 }}>
        <DarkLightToggle />
      </Box>
      <Container component="main" maxWidth="xs">
        <Box
          component="form"
          onSubmit={enter}
          sx={{ display: "flex", flexDirection: "column", rowGap: 3, mt: 12, p: 3, boxShadow: 3, borderRadius: 1 }}
        >
          <Typography component="h1" variant="h5">
            inferswarm
          </Typography>
          <TextField autoComplete="username" autoFocus label="User" name="user" required />
          <TextField autoComplete="current-password" label="Password" name="password" required type="password" />
          {error && <Alert severity="error">{error}</Alert>}
          <Button size="large" type="submit" variant="contained">
            Log in
          </Button>
        </Box>
      </Container>
    </ThemeProvider>
  );
}

createRoot(document.getElementById("root")!).render(
  <Provider store={locustStore}>
    <Login />
  </Provider>,
);
