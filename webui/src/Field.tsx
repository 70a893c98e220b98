/** One option as a field: its sentence below it, what is wrong in its place. */

import { Autocomplete, FormControlLabel, FormHelperText, MenuItem, Switch, TextField, Box } from "@mui/material";
import type { Option } from "./api";

/** A value as it is typed. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object") return Object.keys(value).length ? JSON.stringify(value) : "";
  return String(value);
}

/** A sentence of the documentation: what stands in backticks is typed as it is. */
function Sentence({ text }: { text: string }) {
  return text.split("`").map((part, index) => (index % 2 ? <code key={index}>{part}</code> : part));
}

interface Props {
  option: Option;
  label: string;
  text: string;
  error: string;
  hint?: string | undefined;
  required?: boolean;
  onChange: (text: string) => void;
}

export function Field({ option, label, text, error, hint, required, onChange }: Props) {
  const helper = error || <Sentence text={option.sentence} />;
  const common = {
    error: Boolean(error),
    fullWidth: true,
    helperText: helper,
    label: option.unit && option.unit !== "tokens" ? `${label} (${option.unit})` : label,
    name: option.key,
    required: Boolean(required),
    size: "small" as const,
  };
  if (option.kind === "switch") {
    const flip = <Switch checked={text === "true"} name={option.key} onChange={(_, on) => onChange(String(on))} />;
    return (
      <Box>
        <FormControlLabel control={flip} label={label} />
        <FormHelperText error={Boolean(error)}>{helper}</FormHelperText>
      </Box>
    );
  }
  if (option.kind === "choice") {
    return (
      <TextField {...common} onChange={(event) => onChange(event.target.value)} select value={text}>
        {option.choices.map((choice) => (
          <MenuItem key={choice} value={choice}>
            {choice}
          </MenuItem>
        ))}
      </TextField>
    );
  }
  if (option.choices.length) {
    return (
      <Autocomplete
        freeSolo
        inputValue={text}
        onInputChange={(_, typed) => onChange(typed)}
        options={option.choices}
        filterOptions={(all) => all}
        renderInput={(given) => (
          <TextField
            {...given}
            {...common}
            placeholder={hint ?? ""}
            slotProps={{ inputLabel: { ...given.InputLabelProps, shrink: true } }}
          />
        )}
      />
    );
  }
  return (
    <TextField
      {...common}
      onChange={(event) => onChange(event.target.value)}
      placeholder={hint ?? ""}
      slotProps={{
        inputLabel: { shrink: true },
        htmlInput: { title: `allowed: ${option.allowed}`, inputMode: option.kind === "number" ? "decimal" : "text" },
      }}
      value={text}
    />
  );
}
