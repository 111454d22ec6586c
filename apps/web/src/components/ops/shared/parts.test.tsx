import { act, screen, within } from "@testing-library/react";
import { useState } from "react";
import { expect, test, vi } from "vitest";
import type { Accepted, Run } from "../data/schema.generated";
import { answer, recorded, refuse, renderOps } from "../testing";
import { ActionButton } from "./ActionButton";
import { ConfirmDialog } from "./ConfirmDialog";
import { CopyButton } from "./CopyButton";
import { ErrorText } from "./ErrorText";
import { HealthBadge } from "./HealthBadge";
import { LiveSwitch } from "./LiveSwitch";
import { Outcome } from "./Outcome";
import { ProgressBar } from "./ProgressBar";
import { StatusBadge } from "./StatusBadge";

test("a status and a health are words, also those that the page doesn't know", () => {
  renderOps(
    <>
      <StatusBadge status="failed" />
      <StatusBadge status="on_the_moon" />
      <StatusBadge status={null} />
      <HealthBadge health="critical" />
      <HealthBadge health="odd" />
    </>,
  );
  for (const word of ["Failed", "on_the_moon", "Unknown", "Critical", "odd"]) {
    expect(screen.getByText(word)).toBeInTheDocument();
  }
});

test("unknown progress is not 0, and progress without a total has no end", () => {
  const progress = {
    current: 12_345,
    unit: "messages",
    source: "reported" as const,
    updated_at: "2026-01-01T00:00:00Z",
  };
  const { rerender } = renderOps(<ProgressBar progress={null} label="Backfill" />);
  expect(screen.getByText("Progress not known yet")).toBeInTheDocument();
  expect(screen.queryByRole("progressbar")).not.toBeInTheDocument();
  rerender(<ProgressBar progress={progress} label="Backfill" />);
  expect(screen.getByRole("progressbar", { name: "Backfill" })).not.toHaveAttribute("value");
  expect(screen.getByText("12,345 messages so far")).toBeInTheDocument();
  rerender(<ProgressBar progress={{ ...progress, total: 20_000, percent: 61.7 }} label="Backfill" />);
  expect(screen.getByRole("progressbar")).toHaveAttribute("value", "12345");
  expect(screen.getByText("12,345 of 20,000 messages (61%)")).toBeInTheDocument();
});

test("a button that can't be used now keeps the focus, says why, and does nothing", async () => {
  const onClick = vi.fn();
  const { user, rerender } = renderOps(<ActionButton onClick={onClick}>Retry job</ActionButton>);
  const button = screen.getByRole("button", { name: "Retry job" });
  await user.click(button);
  rerender(
    <ActionButton allowed={false} reason="An identical job is active." onClick={onClick}>
      Retry job
    </ActionButton>,
  );
  expect(button).toHaveFocus();
  expect(button).toHaveAccessibleDescription("An identical job is active.");
  await user.click(button);
  await user.keyboard("{Enter}");
  expect(onClick).toHaveBeenCalledTimes(1);
});

function Asking({ onConfirm }: { onConfirm: () => void }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button onClick={() => setOpen(true)}>Cancel job</button>
      <ConfirmDialog open={open} onOpenChange={setOpen} action="Cancel job" onConfirm={onConfirm}>
        <p>Marks the job cancelled now.</p>
      </ConfirmDialog>
    </>
  );
}

test("a question has the button's words as its title, says what it will do, and gives the focus back", async () => {
  const onConfirm = vi.fn();
  const { user } = renderOps(<Asking onConfirm={onConfirm} />);
  await user.click(screen.getByRole("button", { name: "Cancel job" }));
  const dialog = await screen.findByRole("alertdialog", { name: "Cancel job" });
  expect(dialog).toHaveAccessibleDescription("Marks the job cancelled now.");
  await user.click(within(dialog).getByRole("button", { name: "Cancel job" }));
  expect(onConfirm).toHaveBeenCalledTimes(1);
  await user.click(within(dialog).getByRole("button", { name: "Close" }));
  expect(screen.queryByRole("alertdialog")).not.toBeInTheDocument();
  expect(screen.getByRole("button", { name: "Cancel job" })).toHaveFocus();
});

test("an error is text, whatever it holds, folded to its first line and whole on demand", async () => {
  const text = `<script>alert(1)</script> ${"x".repeat(300)}\n${"line\n".repeat(1_000)}`;
  const { user, container } = renderOps(<ErrorText text={text} name="error of job 7" />);
  expect(container.querySelector("script")).toBeNull();
  const summary = screen.getByText(/^<script>alert\(1\)<\/script> x+…$/);
  await user.click(summary);
  expect(screen.getByRole("region", { name: "Full text of error of job 7" })).toHaveTextContent(/line line/);
  expect(screen.getByRole("button", { name: "Copy error of job 7" })).toBeInTheDocument();
});

test("copying says whether it worked", async () => {
  const { user } = renderOps(<CopyButton text="12" label="Copy job id" />);
  await user.click(screen.getByRole("button", { name: "Copy job id" }));
  expect(await navigator.clipboard.readText()).toBe("12");
  expect(screen.getByTestId("announcer")).toHaveTextContent("Copied.");
});

test("updates can be paused and resumed", async () => {
  const { user } = renderOps(<LiveSwitch />);
  await user.click(screen.getByRole("button", { name: "Pause updates" }));
  expect(screen.getByText("Updates are paused.")).toBeInTheDocument();
  const resume = screen.getByRole("button", { name: "Resume updates" });
  expect(resume).toHaveFocus();
  await user.click(resume);
  expect(screen.queryByText("Updates are paused.")).not.toBeInTheDocument();
});

test("what an action started has its sentence, links to its jobs, its progress to the end, and what was skipped", async () => {
  const accepted: Accepted = {
    ...recorded<Accepted>("accepted"),
    left_out: [
      {
        identity_id: 3,
        code: "credential_missing",
        reason: "Third Shelf Books has no credential.",
        job_id: null,
      },
    ],
  };
  const run = recorded<Run>("run_pending");
  answer("/ops/runs/{id}", run);
  const { user, queryClient } = renderOps(<Outcome accepted={accepted} label="Backfill of Kestrel" />);
  const region = within(screen.getByRole("region", { name: "Backfill of Kestrel" }));
  expect(region.getByText(accepted.message)).toBeInTheDocument();
  expect(await region.findByText("Pending")).toBeInTheDocument();
  const job = accepted.jobs[0]!;
  const link = region.getByRole("link", { name: `#${job}` });
  expect(link).toHaveAttribute("href", `?job=${job}`);
  await user.click(link);
  expect(window.location.search).toBe(`?job=${job}`);
  await user.click(region.getByText("Skipped: 1"));
  expect(region.getByText(/has no credential/)).toBeInTheDocument();
  answer("/ops/runs/{id}", { ...run, status: "success" });
  await act(() => queryClient.invalidateQueries({ queryKey: ["ops", "runs"] }));
  expect(await region.findByText("Done")).toBeInTheDocument();
});

test("an outcome whose progress can't be read still says what was started", async () => {
  refuse("/ops/runs/{id}", 403, "permission_denied", "You are not allowed to do this.");
  const accepted = recorded<Accepted>("accepted");
  renderOps(<Outcome accepted={accepted} label="Backfill" />);
  expect(screen.getByText(accepted.message)).toBeInTheDocument();
  expect(await screen.findByText("Progress unknown. You are not allowed to do this.")).toBeInTheDocument();
});

test.each(["constructor", "__proto__", "toString", "a status of tomorrow"])(
  "the unknown status “%s” is shown as it is",
  (status) => {
    renderOps(<StatusBadge status={status} />);
    expect(screen.getByText(status)).toBeInTheDocument();
  },
);
