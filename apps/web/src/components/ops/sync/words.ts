import type { SyncStatus } from "../data/schema.generated";

const STATES: Record<string, string> = {
  on_track: "On track",
  late: "Late",
  failing: "Failing",
  action_required: "Action required",
  pending: "Pending",
  unknown: "Unknown",
  inactive: "Inactive",
};

const SOURCES: Record<string, string> = {
  job: "from a job",
  result: "from a Celery result",
  message: "from the newest message",
};

const ATTEMPTS: Record<string, string> = {
  done: "Succeeded",
  partial: "Partly failed",
  skipped: "Skipped",
  failed: "Failed",
  retrying: "Failed, retrying",
  unknown: "Outcome unknown",
  cancelled: "Cancelled",
  superseded: "Superseded",
};

/** Return a word that the console may have added since this page was built, as readable text. */
export function readable(word: string): string {
  const spaced = word.replaceAll("_", " ").trim();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

export function stateWord(identity: SyncStatus): string {
  const { state, status } = identity.health;
  const word = STATES[state] ?? readable(state);
  return state === "on_track" && status !== "ok" ? `${word}, with notes` : word;
}

/** Return from what the last sync is known, or nothing where no sync is known. */
export function sourceWords(identity: SyncStatus): string | null {
  const source = identity.last_sync_source;
  return source ? (SOURCES[source] ?? `from ${readable(source).toLowerCase()}`) : null;
}

export function attemptWord(identity: SyncStatus): string {
  const outcome = identity.last_sync_status;
  return outcome ? (ATTEMPTS[outcome] ?? readable(outcome)) : "Unknown";
}

/** Return what syncs an identity and when, in words. */
export function scheduleWords(identity: SyncStatus): string {
  const whose = identity.schedule_is_own ? "own schedule" : "default schedule";
  const when = identity.schedule ? `, ${identity.schedule}` : "";
  switch (identity.scheduled) {
    case "on":
      return `${readable(whose)}${when}`;
    case "off":
      return `Off (${whose}${when})`;
    case "paused":
      return `Paused with all schedules (${whose}${when})`;
    case "broken":
      return `Broken: ${whose} never runs`;
    case "missing":
      return "No schedule";
    case "elsewhere":
      return "Not scheduled here";
    default:
      return readable(identity.scheduled);
  }
}

/** Return why no next sync is expected, in a word or two. */
export function noNextSync(identity: SyncStatus): string {
  if (!identity.is_active) return "None: inactive";
  const words: Record<string, string> = {
    on: "Unknown",
    off: "None: schedule off",
    paused: "None: schedules paused",
    broken: "None: schedule broken",
    missing: "None: no schedule",
    elsewhere: "Unknown: not scheduled here",
  };
  return words[identity.scheduled] ?? "Unknown";
}

export function credentialWords(identity: SyncStatus): string {
  if (identity.health.reasons.some((reason) => reason.code === "credential_rejected")) {
    return "Refused by the provider";
  }
  return identity.credential.status === "present" ? "Connected" : "Missing";
}
