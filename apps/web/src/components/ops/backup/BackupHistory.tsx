"use client";

import { Button } from "@/components/ui/button";
import { formatCount } from "../data/formatting";
import type { BackupKind, BackupStatus } from "../data/schema.generated";
import { useUrlState } from "../data/urlState";
import { HISTORY_ROWS, useBackupHistory } from "../data/useBackup";
import { ActionButton } from "../shared/ActionButton";
import { useAsked } from "../sync/useAsked";
import { HistoryRow } from "./HistoryRow";
import { kindsOf, kindWord } from "./words";

const TYPES: [string, string][] = [
  ["backup", "Backups"],
  ["restore_test", "Restore tests"],
];

/** Backups and restore tests in one list, newest first. */
export function BackupHistory({ status }: { status: BackupStatus }) {
  const [params, set] = useUrlState();
  const kinds = kindsOf(status);
  const page = params.backup_page;
  const type = TYPES.some(([known]) => known === params.backup_type) ? params.backup_type : null;
  const kind = kinds.some(([known]) => known === params.backup_kind) ? params.backup_kind : null;
  const history = useBackupHistory({ page, type, kind });
  const inCore = new Set(kinds.filter(([, state]) => state.in_core).map(([name]) => name));
  const filtered = type !== null || kind !== null;
  const rows = history.data?.history ?? [];
  const total = history.data?.total ?? 0;
  const pages = Math.max(1, Math.ceil(total / HISTORY_ROWS));
  return (
    <section
      aria-labelledby="backup-history"
      aria-busy={history.isPlaceholderData}
      className="space-y-2 text-sm"
    >
      <div className="flex flex-wrap items-end justify-between gap-2">
        <h3 id="backup-history" className="font-semibold">
          Backup history
        </h3>
        <div className="flex flex-wrap gap-3">
          <Filter
            label="Type"
            value={type}
            choices={TYPES}
            onChoose={(chosen) => set({ backup_type: chosen, backup_page: null })}
          />
          <Filter
            label="Kind"
            value={kind}
            choices={kinds.map(([name]) => [name, kindWord(name)])}
            onChoose={(chosen) => set({ backup_kind: chosen, backup_page: null })}
          />
        </div>
      </div>
      {history.isPending && <p role="status">Loading backup history…</p>}
      {history.isError && (
        <p role="alert" className="flex flex-wrap items-center gap-2">
          {history.error.message}
          <Button size="sm" variant="outline" onClick={() => void history.refetch()}>
            Try again
          </Button>
        </p>
      )}
      {history.data && rows.length === 0 && (
        <p className="flex flex-wrap items-center gap-2">
          {filtered ? "No results." : page > 1 ? `Page ${page} is empty.` : "No backups yet."}
          {(filtered || page > 1) && (
            <Button
              size="sm"
              variant="outline"
              onClick={() => set({ backup_type: null, backup_kind: null, backup_page: null })}
            >
              {filtered ? "Clear filters" : "Show newest"}
            </Button>
          )}
        </p>
      )}
      {rows.length > 0 && (
        // As blocks on narrow screens these would lose their meaning: the roles give it back.
        <table role="table" className="w-full max-md:block">
          <caption className="sr-only">Backups and restore tests, newest first</caption>
          <thead role="rowgroup" className="text-left text-xs text-muted-foreground max-md:sr-only">
            <tr role="row">
              {["What", "Status", "Started", "Result", "Started by"].map((name) => (
                <th key={name} role="columnheader" scope="col" className="px-2 py-1 font-normal">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup" className="max-md:block">
            {rows.map((row) => (
              <HistoryRow
                key={`${row.type}-${row.id}`}
                row={row}
                inCore={row.kind !== null && inCore.has(row.kind as BackupKind)}
              />
            ))}
          </tbody>
        </table>
      )}
      {pages > 1 && (
        <nav aria-label="Backup history pages" className="flex flex-wrap items-center gap-2">
          <ActionButton
            allowed={page > 1}
            reason="This is the newest page."
            onClick={() => set({ backup_page: page > 2 ? page - 1 : null })}
          >
            Newer entries
          </ActionButton>
          <span>
            Page {formatCount(page)} of {formatCount(pages)}
          </span>
          <ActionButton
            allowed={page < pages}
            reason="This is the oldest page."
            onClick={() => set({ backup_page: page + 1 })}
          >
            Older entries
          </ActionButton>
        </nav>
      )}
    </section>
  );
}

interface FilterProps {
  label: string;
  value: string | null;
  choices: [string, string][];
  onChoose: (value: string | null) => void;
}

function Filter({ label, value, choices, onChoose }: FilterProps) {
  const [shown, setShown] = useAsked(value);
  return (
    <label className="flex items-center gap-2">
      <span className="text-muted-foreground">{label}</span>
      <select
        className="h-8 rounded-md border bg-background px-2"
        value={shown ?? ""}
        onChange={(event) => {
          setShown(event.target.value || null);
          onChoose(event.target.value || null);
        }}
      >
        <option value="">All</option>
        {choices.map(([choice, word]) => (
          <option key={choice} value={choice}>
            {word}
          </option>
        ))}
      </select>
    </label>
  );
}
