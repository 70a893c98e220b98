/** The master's state, asked for once a second, for all parts of the page. */

import { createContext, useContext, useEffect, useState, type ReactNode } from "react";
import { locustStore, SWARM_STATE } from "locust-ui";
import { ask, fileUrl, type Point, type Snapshot, type View } from "./api";

const EVERY_MS = 1000;
const MOST_POINTS = 1200;
const NOTHING: View = { state: "", run: {}, workers: 0, asked: 0, live: {}, points: [] };

export interface Watched extends View {
  lost: boolean;
  final: Snapshot | null;
}

const Context = createContext<Watched>({ ...NOTHING, lost: false, final: null });
export const useWatched = () => useContext(Context);

export const LOADING = ["starting", "running", "draining"];
export const BUSY = ["preparing", ...LOADING, "finishing"];

function joined(kept: Point[], more: Point[]): Point[] {
  const all = [...kept, ...more];
  return all.length < MOST_POINTS ? all : all.filter((_, index) => index % 2 === 0);
}

/** Locust's own tabs ask for numbers only while its state says that it runs. */
function tellLocust(state: string) {
  const known = locustStore.getState().swarm.state;
  const runs = state === "running" || state === "draining";
  const told = runs ? SWARM_STATE.RUNNING : SWARM_STATE.STOPPED;
  const moves = known === SWARM_STATE.RUNNING || known === SWARM_STATE.SPAWNING;
  if (moves !== runs) locustStore.dispatch({ type: "swarm/setSwarm", payload: { state: told } });
}

export function Watch({ children }: { children: ReactNode }) {
  const [view, setView] = useState<View>(NOTHING);
  const [lost, setLost] = useState(false);
  const [final, setFinal] = useState<{ id: string; summary: Snapshot } | null>(null);

  useEffect(() => {
    let timer = 0;
    let ended = false;
    let points: Point[] = [];
    let asked = -1;
    const look = async () => {
      try {
        const told = await ask<View>(`view?after=${points.at(-1)?.t ?? 0}`);
        if (ended) return;
        if (told.asked !== asked) {
          // Another run, or another master: what we asked for was after a point of the last one.
          const others = points.length > 0;
          [points, asked] = [[], told.asked];
          if (others) return look();
        }
        points = joined(points, told.points);
        setView({ ...told, points });
        setLost(false);
        tellLocust(told.state);
      } catch {
        if (!ended) setLost(true);
      }
      timer = window.setTimeout(look, EVERY_MS);
    };
    look();
    return () => {
      ended = true;
      window.clearTimeout(timer);
    };
  }, []);

  const id = view.state === "idle" && view.run.final && view.run.verdict ? view.run.id : undefined;
  useEffect(() => {
    if (!id) return;
    fetch(fileUrl(id, "summary.json"))
      .then((answer) => answer.json())
      .then((summary: Snapshot) => setFinal({ id, summary }))
      .catch(() => setFinal(null));
  }, [id]);

  const shown = final && final.id === id ? final.summary : null;
  return <Context.Provider value={{ ...view, lost, final: shown }}>{children}</Context.Provider>;
}
