const NUMBER = new Intl.NumberFormat("en-US");

/** With thousands separators; “Unknown” where it is unknown, which is not 0. */
export function formatCount(value: number | null | undefined): string {
  return value === null || value === undefined ? "Unknown" : NUMBER.format(value);
}

/** A noun with its number: `1 job`, `22 jobs`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${NUMBER.format(count)} ${count === 1 ? one : many}`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** In binary units, with three figures at most: `1.5 MiB`. */
export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return "Unknown";
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, "")} ${UNITS[unit]}`;
}

/** The two largest units: `1 min 20 s`, `3 h 5 min`, `850 ms`. */
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "Unknown";
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1_000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(" ");
}

/** How long ago, in the largest unit: `just now`, `3 min ago`; negative seconds lie ahead: `in 3 min`. */
export function formatAge(seconds: number): string {
  const distance = Math.abs(seconds);
  if (distance < 5) return "just now";
  const [size, unit] =
    distance < 60
      ? [1, "s"]
      : distance < 3_600
        ? [60, "min"]
        : distance < 172_800
          ? [3_600, "h"]
          : [86_400, "d"];
  const text = `${NUMBER.format(Math.floor(distance / size))} ${unit}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** The line of an error that says most: its first one, or what a traceback is about; empty where there is none. */
export function firstLine(text: string | null | undefined): string {
  const lines = (text ?? "").split("\n").filter((line) => line.trim() !== "");
  const start = lines.findLastIndex((line) => line.startsWith("Traceback ("));
  // The frames are indented; the exception is the first line after them that isn't.
  const said = start < 0 ? undefined : lines.slice(start + 1).find((line) => !line.startsWith(" "));
  return (said ?? lines[0] ?? "").trim();
}

/** The UTC time to the second, as the server renders it: `2026-01-31 08:05:09 UTC`. */
export function formatUtc(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/**
 * A UTC time as short as its age will be, so that nothing moves when the age takes its place: without the day if that is the
 * server's present one, and without seconds.
 */
export function formatUtcBriefly(iso: string, servedAt: string | null): string {
  const utc = formatUtc(iso);
  if (!utc.endsWith(" UTC")) return utc;
  const isToday = servedAt !== null && utc.slice(0, 10) === servedAt.slice(0, 10);
  return `${utc.slice(isToday ? 11 : 0, 16)} UTC`;
}
