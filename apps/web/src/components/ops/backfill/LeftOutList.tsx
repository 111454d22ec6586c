import { plural } from "../data/formatting";
import type { LeftOutOfRun } from "../data/schema.generated";
import { JobLink } from "../shared/JobLink";

const SHOWN = 5;

/** What was asked for and not started, with why. Long lists fold. */
export function LeftOutList({ leftOut }: { leftOut: LeftOutOfRun[] }) {
  if (leftOut.length === 0) return null;
  const first = leftOut.slice(0, SHOWN);
  const rest = leftOut.slice(SHOWN);
  return (
    <div className="space-y-1 text-sm">
      <p className="font-medium">{skipped(leftOut)}</p>
      <Reasons leftOut={first} />
      {rest.length > 0 && (
        <details>
          <summary className="cursor-pointer">Show {plural(rest.length, "more reason")}</summary>
          <Reasons leftOut={rest} />
        </details>
      )}
    </div>
  );
}

function Reasons({ leftOut }: { leftOut: LeftOutOfRun[] }) {
  return (
    <ul className="list-disc space-y-0.5 pl-5">
      {leftOut.map((one, index) => (
        <li key={index} className="break-words">
          <bdi>{one.reason}</bdi>
          {one.job_id !== null && (
            <>
              {" "}
              <JobLink id={one.job_id}>Job {one.job_id}</JobLink>
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

/** A run keeps the first hundred, and one entry that stands for all others. */
function skipped(leftOut: LeftOutOfRun[]): string {
  const named = leftOut.filter((one) => one.code !== "more").length;
  return named < leftOut.length
    ? `More than ${plural(named, "identity", "identities")} skipped`
    : `${plural(named, "identity", "identities")} skipped`;
}
