"use client";

import type { UseQueryResult } from "@tanstack/react-query";
import { useId, type ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { Card, CardContent, CardHeader } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { cn } from "@/lib/utils";
import { formatAge } from "../data/formatting";
import { isForbidden } from "../data/problem";
import { clockOffset, useNow } from "../data/serverClock";
import { Icon } from "./Icon";

type Query<T> = Pick<UseQueryResult<T, Error>, "data" | "error" | "isFetching" | "refetch" | "dataUpdatedAt">;

type Props<T> = {
  title: string;
  query: Query<T>;
  /** The page's address of the panel: `#jobs`. */
  id?: string;
  isEmpty?: (data: T) => boolean;
  /** What stands there when there is nothing, and what would change that. */
  empty?: ReactNode;
  skeleton?: ReactNode;
  /** Buttons of the whole panel, beside its heading. */
  actions?: ReactNode;
  description?: ReactNode;
  /** Filters: they stay while there is nothing to show, or nothing could be asked for. */
  toolbar?: ReactNode;
  className?: string;
  children: (data: T) => ReactNode;
};

function Age({ updatedAt }: { updatedAt: number }) {
  const now = useNow();
  if (!updatedAt) return null;
  // Both by the browser's clock: how wrong that is doesn't matter.
  const age = now === null ? null : formatAge(Math.max(0, (now + clockOffset() - updatedAt) / 1_000));
  // The line is there before its text, or everything below would move.
  return <p className="min-h-4 text-xs text-muted-foreground">{age === null ? null : `Updated ${age}`}</p>;
}

function TryAgain({ query }: { query: Query<unknown> }) {
  return (
    <Button
      type="button"
      variant="outline"
      size="sm"
      aria-disabled={query.isFetching || undefined}
      onClick={() => {
        if (!query.isFetching) void query.refetch();
      }}
    >
      Try again
    </Button>
  );
}

const LOADING = (
  <div className="grid gap-3">
    <Skeleton className="h-5 w-2/3" />
    <Skeleton className="h-5 w-full" />
    <Skeleton className="h-5 w-5/6" />
  </div>
);

/** A panel of the page: its heading, the age of its data, and what it shows while loading, empty, failed or forbidden. */
export function PanelFrame<T>(props: Props<T>) {
  const { title, query, id, isEmpty, empty, skeleton, actions, description, toolbar, className, children } =
    props;
  const heading = useId();
  const { data, error } = query;
  const forbidden = isForbidden(error);

  let body: ReactNode;
  if (forbidden) {
    body = (
      <p className="text-sm text-muted-foreground">
        {error?.message || "You don’t have permission to see this."}
      </p>
    );
  } else if (data !== undefined) {
    body = isEmpty?.(data) ? (
      <div className="text-sm text-muted-foreground">{empty ?? "Nothing yet"}</div>
    ) : (
      children(data)
    );
  } else if (error) {
    body = (
      <div role="alert" className="flex flex-wrap items-center gap-3 text-sm">
        <p>{error.message}</p>
        <TryAgain query={query} />
      </div>
    );
  } else {
    body = (
      <div aria-busy="true">
        <span className="sr-only">Loading {title.toLowerCase()}</span>
        {skeleton ?? LOADING}
      </div>
    );
  }

  return (
    <Card role="region" aria-labelledby={heading} id={id} className={cn("min-w-0 scroll-mt-4", className)}>
      <CardHeader className="flex flex-row flex-wrap items-start justify-between gap-3">
        <div className="min-w-0">
          <h2 id={heading} className="text-lg leading-tight font-semibold">
            {title}
          </h2>
          {description ? <div className="text-sm text-muted-foreground">{description}</div> : null}
          {data !== undefined && !forbidden ? <Age updatedAt={query.dataUpdatedAt} /> : null}
        </div>
        {actions && !forbidden ? <div className="flex flex-wrap items-center gap-2">{actions}</div> : null}
      </CardHeader>
      <CardContent className="grid min-w-0 gap-4">
        {forbidden ? null : toolbar}
        {data !== undefined && error && !forbidden ? (
          <div className="flex flex-wrap items-center gap-3 rounded-md border border-amber-700/40 p-2 text-sm">
            <Icon name="warning" />
            <p>Not up to date. {error.message}</p>
            <TryAgain query={query} />
          </div>
        ) : null}
        {body}
      </CardContent>
    </Card>
  );
}
