/** What the master's routes under /inferswarm/ answer, and how they are asked. */

export interface Stats {
  unit: string;
  count: number;
  mean: number | null;
  p50: number | null;
  p90: number | null;
  p95: number | null;
  p99: number | null;
  max: number | null;
}

export interface Goal {
  goal: string;
  value: number | null;
  limit: number;
  unit: string;
  met: boolean;
}

export interface Verdict {
  valid: boolean;
  reasons: string[];
  warnings?: string[];
}

export interface Snapshot {
  requests: { attempted: number; succeeded: number; failed: number; by_outcome: Record<string, number> };
  throughput: { duration_s: number; requests_per_s: number; output_tokens_per_s: number };
  tokens: { input: number; output: number };
  concurrency: { mean: number; max: number };
  metrics: Record<string, Stats>;
  verdict: Verdict;
  client: { workers: number; lost_workers: string[]; send_lag_ms: Stats; loop_lag_ms: Stats };
  config?: { target?: { stream?: boolean } };
  goals?: Goal[];
  conversations?: { by_turn: { turn: string; metrics: Record<string, Stats> }[] } | null;
}

export interface Live {
  users: number;
  workers: number;
  in_flight: number;
  recent: { requests_per_s: number; output_tokens_per_s: number; failed_per_s: number };
  snapshot: Snapshot;
}

export interface Point {
  t: number;
  users: number;
  in_flight: number;
  requests_per_s: number;
  output_tokens_per_s: number;
  failed_per_s: number;
  latency: Record<string, (number | null)[]>;
  send_lag: (number | null)[];
  errors: Record<string, number>;
}

export interface Run {
  id?: string;
  target?: string;
  backend?: string;
  api?: string;
  model?: string;
  users?: number;
  arrivals?: string;
  started?: string;
  final?: string;
  error?: string;
  verdict?: Verdict;
  requests?: { attempted?: number; failed?: number };
}

export interface View {
  state: string;
  run: Run;
  workers: number;
  asked: number;
  live: Partial<Live>;
  points: Point[];
}

export interface Option {
  key: string;
  section: string;
  name: string;
  sentence: string;
  unit: string;
  allowed: string;
  kind: "choice" | "switch" | "number" | "list" | "mapping" | "text";
  choices: string[];
  default: unknown;
  value: unknown;
}

export class Refused extends Error {}

/** Ask a route; who is not logged in any more is sent to the login page. */
export async function ask<T>(path: string, body?: unknown): Promise<T> {
  const asked = await fetch(`/inferswarm/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const told = await asked.json().catch(() => ({}));
  if (asked.status === 401 && path !== "login") location.assign("/login");
  if (!asked.ok) throw new Refused(told.error ?? `${asked.status} ${asked.statusText}`);
  return told as T;
}

export const fileUrl = (run: string, name: string) => `/inferswarm/runs/${run}/files/${name}`;
