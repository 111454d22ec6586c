"use client";

import { useId, type FormEvent } from "react";

import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";

import type { Job, JobCounts } from "../data/schema.generated";
import { useHref, useUrlState } from "../data/urlState";
import { isFiltered, NO_FILTERS } from "./filters";
import { StatusTabs } from "./StatusTabs";

interface Props {
  counts: JobCounts | undefined;
  /** The rows on the screen: their types are suggested, since the API has no list of types. */
  rows: readonly Job[];
}

/** Which jobs the list shows. All of it is in the URL. */
export function JobFilters({ counts, rows }: Props) {
  const [params] = useUrlState();
  return (
    <div className="grid gap-3">
      <StatusTabs counts={counts} />
      <div className="flex flex-wrap items-end gap-x-4 gap-y-2">
        {/* A new form for each type in the URL, so that *Back* and *Clear filters* also change the field. */}
        <TypeFilter key={params.type ?? ""} type={params.type} rows={rows} />
        {params.identity !== null && <IdentityFilter id={params.identity} rows={rows} />}
        {isFiltered(params) && <ClearFilters />}
      </div>
    </div>
  );
}

function TypeFilter({ type, rows }: { type: string | null; rows: readonly Job[] }) {
  const [{ status, identity }, set] = useUrlState();
  const id = useId();
  const types = Array.from(new Set(rows.map((job) => job.job_type))).sort();
  const apply = (value: string) => set({ type: value.trim() || null, page: null });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    apply(String(new FormData(event.currentTarget).get("type") ?? ""));
  };
  return (
    // Without scripts, the browser sends the form as the URL says it.
    <form role="search" aria-label="Jobs by type" className="flex items-end gap-2" onSubmit={submit}>
      {status !== null && <input type="hidden" name="status" value={status} />}
      {identity !== null && <input type="hidden" name="identity" value={identity} />}
      <div className="grid gap-1">
        <Label htmlFor={id}>Type</Label>
        <Input
          id={id}
          name="type"
          defaultValue={type ?? ""}
          list={`${id}-types`}
          // The API takes no more.
          maxLength={64}
          placeholder="All types"
          autoComplete="off"
          spellCheck={false}
          className="w-56"
          // A suggestion that was chosen is meant; what is being typed isn't yet.
          onChange={(event) => types.includes(event.target.value) && apply(event.target.value)}
        />
        <datalist id={`${id}-types`}>
          {types.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </div>
      <Button type="submit" variant="outline" size="sm">
        Filter
      </Button>
    </form>
  );
}

function IdentityFilter({ id, rows }: { id: number; rows: readonly Job[] }) {
  const [, set] = useUrlState();
  const name = rows.find((job) => job.identity?.id === id)?.identity?.display_name;
  return (
    <p className="flex items-center gap-2 text-sm">
      <span className="text-muted-foreground">Identity</span>
      <bdi className="max-w-64 [overflow-wrap:anywhere]">{name ?? id}</bdi>
      <Button type="button" variant="ghost" size="sm" onClick={() => set({ identity: null, page: null })}>
        Show all identities
      </Button>
    </p>
  );
}

export function ClearFilters() {
  const [, set] = useUrlState();
  const href = useHref();
  return (
    <a
      href={href(NO_FILTERS)}
      className="py-1 text-sm underline underline-offset-2"
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        set(NO_FILTERS);
      }}
    >
      Clear filters
    </a>
  );
}
