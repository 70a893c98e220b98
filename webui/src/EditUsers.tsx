/** Another number of users for the rest of a closed loop. */

import { useState, type FormEvent, type MouseEvent } from "react";
import { Alert, Button, Popover, Stack, TextField } from "@mui/material";
import { ask } from "./api";

export function EditUsers({ users }: { users: number }) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const [refused, setRefused] = useState("");
  const open = (event: MouseEvent<HTMLElement>) => {
    setRefused("");
    setAnchor(event.currentTarget);
  };
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const wanted = { users: Number(form.get("users")), spawn_rate: form.get("spawn_rate") };
    ask("users", wanted)
      .then(() => setAnchor(null))
      .catch((why: Error) => setRefused(why.message));
  };
  return (
    <>
      <Button color="secondary" id="edit" onClick={open} variant="contained">
        Edit
      </Button>
      <Popover
        anchorEl={anchor}
        anchorOrigin={{ vertical: "bottom", horizontal: "right" }}
        onClose={() => setAnchor(null)}
        open={anchor !== null}
        transformOrigin={{ vertical: "top", horizontal: "right" }}
      >
        <Stack component="form" noValidate onSubmit={send} spacing={2} sx={{ p: 2, width: 260 }}>
          <TextField
            autoFocus
            defaultValue={users}
            helperText="from now on; a note of the run says so"
            label="Users"
            name="users"
            size="small"
            type="number"
          />
          <TextField
            defaultValue="100/s"
            helperText="users started per second"
            label="Spawn rate"
            name="spawn_rate"
            size="small"
          />
          {refused && <Alert severity="error">{refused}</Alert>}
          <Button type="submit" variant="contained">
            Change
          </Button>
        </Stack>
      </Popover>
    </>
  );
}
