"use client";

import { useId } from "react";

import { Label } from "@/components/ui/label";

import { formatCount } from "../data/formatting";
import type { SyncStatus } from "../data/schema.generated";
import type { Chosen } from "./useChosenIdentity";

interface Props {
  identities: SyncStatus[];
  chosen: Chosen;
  label?: string;
}

/** Choose one active identity, or all. The browser's own select finds one of hundreds by its first letters. */
export function IdentitySelector({ identities, chosen, label = "Identity" }: Props) {
  const id = useId();
  return (
    <div className="min-w-0 max-w-full space-y-1.5">
      <Label htmlFor={id}>{label}</Label>
      <select
        id={id}
        value={chosen.id ?? ""}
        onChange={(event) => chosen.choose(event.target.value === "" ? null : Number(event.target.value))}
        className="block h-9 w-full min-w-0 rounded-md border bg-background px-2 text-sm focus-visible:outline-2 focus-visible:outline-ring"
      >
        <option value="">All identities ({formatCount(identities.length)})</option>
        {chosen.isGone && <option value={chosen.id ?? ""}>Identity {chosen.id} (not active)</option>}
        {identities.map((identity) => (
          <option
            key={identity.identity_id}
            value={identity.identity_id}
            dir="auto"
            // The browser has rounded such an id: acting on it would act on another identity.
            disabled={!Number.isSafeInteger(identity.identity_id)}
          >
            {nameOf(identity)}
          </option>
        ))}
      </select>
      {chosen.isGone && (
        <p role="status" className="text-sm">
          Identity {chosen.id} is gone or inactive. Choose another one.
        </p>
      )}
    </div>
  );
}

/** Two identities may have the same name, at different providers. */
export function nameOf(identity: SyncStatus): string {
  const name = identity.display_name || identity.external_username || `Identity ${identity.identity_id}`;
  // The isolates keep a name in right-to-left script from reordering what follows it.
  return `\u2068${name}\u2069 – ${identity.provider}${identity.is_default ? " (default)" : ""}`;
}
