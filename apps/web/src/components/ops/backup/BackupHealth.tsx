import { formatBytes } from "../data/formatting";
import type { BackupStatus, DiskState } from "../data/schema.generated";
import { HealthBadge } from "../shared/HealthBadge";
import { kindWord } from "./words";

const WORDS: Record<string, string> = {
  ok: "Backups OK",
  warning: "Warning",
  critical: "Critical",
  unknown: "Unknown",
};

/** Whether backups are in order, and why not; the worst comes first. */
export function BackupHealth({ status }: { status: BackupStatus }) {
  const { health } = status;
  // That nothing is set up is said by itself, with what to do.
  const reasons = health.reasons.filter((reason) => status.configured || reason.code !== "not_configured");
  return (
    <section aria-label="Backup health" className="space-y-2 text-sm">
      <p>
        <HealthBadge health={health.status}>
          {status.configured ? (WORDS[health.status] ?? "Unknown") : "Not set up"}
        </HealthBadge>
      </p>
      {!status.configured && (
        <p className="[overflow-wrap:anywhere]">{status.problem ?? "Backups are not set up."}</p>
      )}
      {reasons.length > 0 && (
        <ul className="space-y-1">
          {reasons.map((reason, index) => (
            <li key={`${reason.code}-${index}`} data-code={reason.code} className="[overflow-wrap:anywhere]">
              <span className="font-medium">
                {reason.status === "unknown" ? "Note" : WORDS[reason.status]}
                {reason.kind !== null && `, ${kindWord(reason.kind).toLowerCase()}`}:
              </span>{" "}
              {reason.message}
            </li>
          ))}
        </ul>
      )}
      {status.disk && <Disk disk={status.disk} />}
    </section>
  );
}

function Disk({ disk }: { disk: DiskState }) {
  const percent = disk.total_bytes > 0 ? Math.floor((disk.used_bytes * 100) / disk.total_bytes) : null;
  const words = `${formatBytes(disk.used_bytes)} of ${formatBytes(disk.total_bytes)} used${percent === null ? "" : ` (${percent}%)`}, ${formatBytes(disk.free_bytes)} free`;
  return (
    <p className="flex flex-wrap items-center gap-x-2 text-muted-foreground">
      Backup disk:{" "}
      <meter aria-label="Backup disk in use" min={0} max={100} value={percent ?? 0} aria-valuetext={words} />{" "}
      {words}
    </p>
  );
}
