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
  const word = check.passed === true ? "Passed" : check.passed === false ? "Failed" : "Not judged";
  const [expected, actual, error] = [
    valueText(check.expected),
    valueText(check.actual),
    valueText(check.error),
  ];
  const icon = check.passed === true ? "✓" : check.passed === false ? "✗" : "–";
  return (
    <li className="[overflow-wrap:anywhere]">
      <span className={check.passed === false ? "font-medium text-destructive" : "font-medium"}>
        <span aria-hidden="true">{icon} </span>
        {word}:
      </span>{" "}
      {check.title ?? check.check_name ?? "Unnamed check"}
      {(expected !== null || actual !== null) && (
        <span className="block pl-4 text-xs text-muted-foreground">
          {expected !== null && <>Expected {expected}</>}
          {expected !== null && actual !== null && " · "}
          {actual !== null && <>Found {actual}</>}
        </span>
      )}
      {error !== null && <span className="block pl-4 text-xs">{error}</span>}
    </li>
  );
}
