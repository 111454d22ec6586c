"use client";

import { useState } from "react";

import { Button } from "@/components/ui/button";

import { plural } from "../data/formatting";
import type { Accepted, RunSummary } from "../data/schema.generated";
import { isPending } from "../data/useRun";
import { RunCard } from "./RunCard";

/** A run that a click on this page made. */
export interface Started {
  accepted: Accepted;
  names?: ReadonlyMap<number, string>;
}

interface Props {
  started: Started[];
  runs: RunSummary[];
  listedAt: number;
}

const ENDED_SHOWN = 3;
const FIRST = 5;

/** The runs that are worth a place: all that are under way, and the last ones that ended, newest first. */
function choose(runs: RunSummary[]): string[] {
  const ended = runs.filter((run) => !isPending(run)).slice(0, ENDED_SHOWN);
  return runs.filter((run) => isPending(run) || ended.includes(run)).map((run) => run.id);
}

/** What is under way and what ended last: first what was started here, then the rest.
 *
 * A run keeps its place when it ends, and runs that others start wait for a click, so nothing moves under the
 * pointer. */
export function BackfillProgress({ started, runs, listedAt }: Props) {
  const [places, setPlaces] = useState(() => choose(runs));
  const [all, setAll] = useState(false);
  const byId = new Map(runs.map((run) => [run.id, run]));
  const own = new Set(started.map((one) => one.accepted.job_id));
  const others = places.filter((id) => !own.has(id));
  const shown = all ? others : others.slice(0, FIRST);
  const arrived = choose(runs).filter((id) => !own.has(id) && !places.includes(id));
  const isIdle = !runs.some(isPending) && started.length === 0;
  return (
    <div className="space-y-2">
      {isIdle && <p className="text-sm text-muted-foreground">No backfill is running.</p>}
      {arrived.length > 0 && (
        <Button type="button" variant="outline" size="sm" onClick={() => setPlaces(choose(runs))}>
          Show {plural(arrived.length, "new run")}
        </Button>
      )}
      {started.length + shown.length > 0 && (
        <ul aria-label="Backfill runs" className="space-y-2">
          {started.map(({ accepted, names }) => (
            <RunCard
              key={accepted.job_id}
              id={accepted.job_id}
              summary={byId.get(accepted.job_id)}
              listedAt={listedAt}
              message={accepted.message}
              names={names}
              startsOpen
            />
          ))}
          {shown.map((id) => (
            <RunCard key={id} id={id} summary={byId.get(id)} listedAt={listedAt} />
          ))}
        </ul>
      )}
      {shown.length < others.length && (
        <Button type="button" variant="outline" size="sm" onClick={() => setAll(true)}>
          Show all {plural(others.length, "run")}
        </Button>
      )}
    </div>
  );
}
