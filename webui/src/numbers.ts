/** Numbers as people read them. */

export function few(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  if (size === 0 || Number.isInteger(value)) return String(value);
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export const withUnit = (value: number | null | undefined, unit: string) =>
  value === null || value === undefined ? "–" : `${few(value)} ${unit}`;

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${few(bytes / 1e3)} kB` : `${few(bytes / 1e6)} MB`;
}
