import { LookBadge, lookOf, type NamedLook } from "./LookBadge";

const LOOKS: Record<string, NamedLook> = {
  queued: { word: "Queued", icon: "clock", tone: "calm" },
  pending: { word: "Pending", icon: "clock", tone: "calm" },
  running: { word: "Running", icon: "play", tone: "busy" },
  retrying: { word: "Retrying", icon: "refresh", tone: "warn" },
  cancelling: { word: "Cancelling", icon: "stop", tone: "warn" },
  cancelled: { word: "Cancelled", icon: "stop", tone: "calm" },
  paused: { word: "Paused", icon: "pause", tone: "warn" },
  stuck: { word: "Stuck", icon: "warning", tone: "bad" },
  failed: { word: "Failed", icon: "cross", tone: "bad" },
  failure: { word: "Failed", icon: "cross", tone: "bad" },
  done: { word: "Done", icon: "check", tone: "good" },
  success: { word: "Done", icon: "check", tone: "good" },
  succeeded: { word: "Succeeded", icon: "check", tone: "good" },
  passed: { word: "Passed", icon: "check", tone: "good" },
  could_not_verify: { word: "Could not verify", icon: "question", tone: "warn" },
};

type Props = {
  status: string | null | undefined;
  /** Instead of the status' own word. */ children?: string;
  className?: string;
};

/** A status as a word with an icon and a color. A status that the page doesn't know is shown as it is. */
export function StatusBadge({ status, children, className }: Props) {
  const look = lookOf(LOOKS, status ?? "");
  return <LookBadge look={look} word={children ?? look.word} className={className} />;
}
