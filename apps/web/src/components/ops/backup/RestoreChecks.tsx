import { formatDuration } from "../data/formatting";
import type { Check, RestoreTest } from "../data/schema.generated";
import { checksWords, valueText } from "./words";

/** What a restore test compared. Folded where all passed, so that what failed stands out. */
export function RestoreChecks({ test }: { test: RestoreTest }) {
  // Durations and ages are only measured: neither passed nor failed, and without an error.
  const bad = test.checks.filter(
    (check) => check.passed === false || (check.passed === null && check.error !== null),
  );
  const good = test.checks.filter((check) => !bad.includes(check));
  if (test.checks.length === 0) return <p className="text-muted-foreground">No checks were made.</p>;
  return (
    <div className="space-y-2">
      {bad.length > 0 && (
        <ul aria-label="Checks that did not pass" className="space-y-2">
          {bad.map((check, index) => (
            <CheckRow key={`${check.check_name}-${index}`} check={check} />
          ))}
        </ul>
      )}
      {good.length > 0 && (
        <details>
          <summary className="cursor-pointer text-muted-foreground">{checksWords(test)}</summary>
          <ul aria-label="Other checks" className="mt-1 space-y-1">
            {good.map((check, index) => (
              <CheckRow key={`${check.check_name}-${index}`} check={check} />
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

function CheckRow({ check }: { check: Check }) {
  const { passed } = check;
  const error = valueText(check.error);
  const word =
    passed === true ? "Passed" : passed === false ? "Failed" : error === null ? "Measured" : "Not judged";
  const icon = passed === true ? "✓" : passed === false ? "✗" : "–";
  const found = foundWords(check);
  return (
    <li className="[overflow-wrap:anywhere]">
      <span className={passed === false ? "font-semibold text-destructive" : "font-medium"}>
        <span aria-hidden="true">{icon} </span>
        {word}:
      </span>{" "}
      {check.title ?? check.check_name ?? "Unnamed check"}
      {found !== null && <span className="block pl-4 text-xs text-muted-foreground">{found}</span>}
      {error !== null && <span className="block pl-4 text-xs">{error}</span>}
    </li>
  );
}

/** What was found against what was expected, in words. */
function foundWords({ check_name, expected, actual }: Check): string | null {
  if (typeof actual === "number" && check_name?.endsWith("_seconds")) return formatDuration(actual * 1_000);
  const [should, is] = [valueText(expected), valueText(actual)];
  if (should !== null && should === is) return `Found ${is}, as expected`;
  return (
    [should !== null && `Expected ${should}`, is !== null && `Found ${is}`].filter(Boolean).join(" · ") ||
    null
  );
}
