/** What a run is to be: the common options first, all others below, by section. */

import { useEffect, useMemo, useState, type FormEvent } from "react";
import {
  Accordion,
  AccordionDetails,
  AccordionSummary,
  Alert,
  Box,
  Button,
  Container,
  TextField,
  ToggleButton,
  ToggleButtonGroup,
  Typography,
} from "@mui/material";
import ExpandMore from "@mui/icons-material/ExpandMore";
import { ask, Refused, type Option, type Run } from "./api";
import { Field, textOf } from "./Field";
import { BUSY, useWatched } from "./watch";

type Values = Record<string, string>;
const CLOSED = ["load.users", "load.spawn_rate"];
const OPEN = ["arrivals.rate"];
const LOAD = ["load.duration", "load.warmup"];
const COMMON: [string, string[]][] = [
  ["Server", ["target.url", "target.backend", "target.model", "target.api"]],
  ["Prompts and answers", ["prompts.source", "request.max_output_tokens"]],
  ["Goals and results", ["goals.slo", "output.exports"]],
];
const ALL_COMMON = new Set([...CLOSED, ...OPEN, ...LOAD, ...COMMON.flatMap(([, keys]) => keys)]);
const LABELS: Values = {
  "target.url": "Target",
  "target.backend": "Backend",
  "target.model": "Model",
  "target.api": "API",
  "load.users": "Users",
  "load.spawn_rate": "Spawn rate",
  "arrivals.rate": "Rate",
  "load.duration": "Duration",
  "load.warmup": "Warm-up",
  "prompts.source": "Prompts",
  "request.max_output_tokens": "Max output tokens",
  "goals.slo": "SLOs",
  "output.exports": "Exports",
};
const HINTS: Values = {
  "target.url": "the built-in simulator",
  "load.duration": "60s",
  "arrivals.rate": "10/s",
  "load.warmup": "none",
  "prompts.source": "a few built-in ones",
  "goals.slo": "ttft.p95<500ms, error_rate<1%",
};
/** What a person who starts runs by hand wants besides. */
const FIRST: Values = { "output.exports": "csv" };

/** The options that were changed, as sections of the configuration. */
function changed(options: Option[], values: Values, left_out: string[]) {
  const config: Record<string, Record<string, unknown>> = {};
  for (const option of options) {
    const text = values[option.key];
    if (text === undefined || left_out.includes(option.key) || text === textOf(option.value)) continue;
    (config[option.section] ??= {})[option.name] = valueOf(option, text);
  }
  return config;
}

function valueOf({ kind, key }: Option, text: string): unknown {
  if (kind === "switch") return text === "true";
  if (kind === "number") return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
  if (kind !== "mapping") return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused(`${key}: must be JSON, as in {"name": "value"}`);
  }
}

/** The option that a refusal speaks of: the first whose key is in it. */
function spokenOf(refusal: string, options: Option[]): string {
  const found = options
    .map(({ key }) => ({ key, at: refusal.indexOf(key) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at || b.key.length - a.key.length);
  return found[0]?.key ?? "";
}

const columns = { display: "grid", gap: 2, gridTemplateColumns: { xs: "minmax(0, 1fr)", sm: "repeat(2, minmax(0, 1fr))" } };

function Section({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <Box component="section">
      <Typography component="h3" sx={{ mb: 1.5 }} variant="subtitle1">
        {title}
      </Typography>
      <Box sx={columns}>{children}</Box>
    </Box>
  );
}

export function StartForm({ onStarted }: { onStarted: () => void }) {
  const { state, workers } = useWatched();
  const [options, setOptions] = useState<Option[]>([]);
  const [values, setValues] = useState<Values>({});
  const [error, setError] = useState("");
  const [sent, setSent] = useState(false);
  const [search, setSearch] = useState("");
  const [open, setOpen] = useState(false);

  useEffect(() => {
    ask<{ options: Option[] }>("options")
      .then(({ options: told }) => {
        setOptions(told);
        const first = told.filter(({ key, value }) => FIRST[key] && !textOf(value));
        setValues(Object.fromEntries(first.map(({ key }) => [key, FIRST[key]!])));
        setOpen(told.some(({ key, value }) => key === "arrivals.rate" && textOf(value)));
      })
      .catch((refused: Error) => setError(refused.message));
  }, []);

  const byKey = useMemo(() => new Map(options.map((option) => [option.key, option])), [options]);
  const wrong = useMemo(() => spokenOf(error, options), [error, options]);
  // An operator who set a rate has decided that the load is open.
  const fixedOpen = Boolean(textOf(byKey.get("arrivals.rate")?.value));

  const start = async (event: FormEvent) => {
    event.preventDefault();
    setSent(true);
    setError("");
    try {
      const config = changed(options, values, open ? CLOSED : OPEN);
      if (open && textOf(byKey.get("load.users")?.value) !== "1") (config.load ??= {}).users = 1;
      await ask<Run>("runs", { config });
      onStarted();
    } catch (refused) {
      setError(refused instanceof Refused ? refused.message : "The master does not answer.");
    }
    setSent(false);
  };

  const field = (key: string) => {
    const option = byKey.get(key);
    if (!option) return null;
    return (
      <Field
        error={key === wrong ? error : ""}
        hint={HINTS[key]}
        key={key}
        label={LABELS[key] ?? option.name}
        onChange={(text) => setValues((kept) => ({ ...kept, [key]: text }))}
        option={option}
        required={open && key === "arrivals.rate"}
        text={values[key] ?? textOf(option.value)}
      />
    );
  };

  const others = options.filter(
    ({ key, sentence }) => !ALL_COMMON.has(key) && `${key} ${sentence}`.toLowerCase().includes(search.toLowerCase()),
  );
  const sections = [...new Set(others.map(({ section }) => section))];
  const busy = BUSY.includes(state) || sent;

  return (
    <Container maxWidth="md" sx={{ my: 2 }}>
      <Typography component="h2" variant="h6">
        Start a run
      </Typography>
      <Box component="form" id="start" onSubmit={start} sx={{ display: "flex", flexDirection: "column", rowGap: 3, mt: 2 }}>
        <Section title="Server">{COMMON[0]![1].map(field)}</Section>
        <Section title="Load">
          {!fixedOpen && (
            <ToggleButtonGroup
              color="primary"
              exclusive
              fullWidth
              onChange={(_, chosen) => chosen !== null && setOpen(chosen)}
              size="small"
              sx={{ gridColumn: "1 / -1" }}
              value={open}
            >
              <ToggleButton value={false}>Users that wait for answers</ToggleButton>
              <ToggleButton value={true}>Arrivals at a rate</ToggleButton>
            </ToggleButtonGroup>
          )}
          {(open ? OPEN : CLOSED).map(field)}
          {LOAD.map(field)}
        </Section>
        {COMMON.slice(1).map(([title, keys]) => (
          <Section key={title} title={title}>
            {keys.map(field)}
          </Section>
        ))}
        <Accordion disableGutters id="all">
          <AccordionSummary expandIcon={<ExpandMore />}>
            <Typography>All other options</Typography>
          </AccordionSummary>
          <AccordionDetails sx={{ display: "flex", flexDirection: "column", rowGap: 3 }}>
            <TextField label="Find an option" onChange={(event) => setSearch(event.target.value)} size="small" value={search} />
            {sections.map((section) => (
              <Section key={section} title={section}>
                {others.filter((option) => option.section === section).map(({ key }) => field(key))}
              </Section>
            ))}
          </AccordionDetails>
        </Accordion>
        {error && (
          <Alert id="refusal" severity="error">
            {error}
          </Alert>
        )}
        <Button disabled={busy || !options.length} size="large" type="submit" variant="contained">
          {busy ? "Starting" : "Start"}
        </Button>
        {workers > 0 && (
          <Typography color="text.secondary" variant="body2">
            {workers} workers of other machines have joined.
          </Typography>
        )}
      </Box>
    </Container>
  );
}
