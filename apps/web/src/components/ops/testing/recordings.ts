import { readFileSync } from "node:fs";
import path from "node:path";

/** A response of the real console, as it was recorded: `recorded<JobPage>("jobs")`. Each call returns a copy of its own. */
export function recorded<T = unknown>(name: string): T {
  const file = path.resolve("tests/recorded", `${name}.json`);
  return (JSON.parse(readFileSync(file, "utf8")) as { body: T }).body;
}
