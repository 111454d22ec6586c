import { formatCount, plural } from "../data/formatting";
import type { Run } from "../data/schema.generated";
import { ErrorText } from "../shared/ErrorText";
import { errorsOf, failureOf, skippedBecause, sumsOf } from "./runWords";

const SHOWN = 5;

/** What a run's jobs returned, summed: numbers, then what went wrong. */
export function RunResult({ result }: { result: Run["result"] }) {
  if (result === null) return null;
  const sums = sumsOf(result);
  const errors = errorsOf(result);
  const failure = failureOf(result);
  return (
    <div className="space-y-2 text-sm">
      {sums.length > 0 && (
        <dl aria-label="Result" className="flex flex-wrap gap-x-6 gap-y-1">
          {sums.map(({ key, label, value }) => (
            <div key={key} className="flex min-w-0 flex-col">
              <dt className="break-words text-xs text-muted-foreground">{label}</dt>
              <dd className="break-words font-medium tabular-nums">
                {typeof value === "number" ? formatCount(value) : <bdi>{value}</bdi>}
              </dd>
            </div>
          ))}
        </dl>
      )}
      {skippedBecause(result).map((reason) => (
        <p key={reason} className="break-words">
          Skipped: <bdi>{reason}</bdi>
        </p>
      ))}
      {failure !== null && <ErrorText text={failure} />}
      {errors.length > 0 && (
        <div>
          <p className="font-medium text-amber-800 dark:text-amber-300">{plural(errors.length, "error")}</p>
          <ErrorList errors={errors.slice(0, SHOWN)} />
          {errors.length > SHOWN && (
            <details>
              <summary className="cursor-pointer">Show {plural(errors.length - SHOWN, "more error")}</summary>
              <ErrorList errors={errors.slice(SHOWN)} />
            </details>
          )}
        </div>
      )}
    </div>
  );
}

function ErrorList({ errors }: { errors: string[] }) {
  return (
    <ul className="space-y-1">
      {errors.map((error, index) => (
        <li key={index}>
          <ErrorText text={error} />
        </li>
      ))}
    </ul>
  );
}
