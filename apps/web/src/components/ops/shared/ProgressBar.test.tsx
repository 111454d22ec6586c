import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";

import type { Progress } from "../data/schema.generated";
import { ProgressBar } from "./ProgressBar";

const progress = (change: Partial<Progress>) =>
  ({ current: 4_194_304, unit: "bytes", source: "reported", updated_at: null, ...change }) as Progress;

test("bytes are shown in binary units", () => {
  const { rerender } = render(<ProgressBar progress={progress({})} label="Backup" />);
  expect(screen.getByText("4 MiB so far")).toBeInTheDocument();
  rerender(<ProgressBar progress={progress({ total: 8_388_608, percent: 50 })} label="Backup" />);
  expect(screen.getByText("4 MiB of 8 MiB (50%)")).toBeInTheDocument();
});

test("a number without a unit has none", () => {
  render(<ProgressBar progress={progress({ current: 12, unit: null })} label="Backup" />);
  expect(screen.getByText("12 so far")).toBeInTheDocument();
});

test("what has ended without a total shows no bar", () => {
  render(<ProgressBar progress={progress({ current: 0, unit: "messages" })} label="Sync" active={false} />);
  expect(screen.getByText("0 messages")).toBeInTheDocument();
  expect(screen.queryByRole("progressbar")).not.toBeInTheDocument();
});
