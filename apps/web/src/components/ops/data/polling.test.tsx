import { useQuery } from "@tanstack/react-query";
import { act, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Providers } from "../Providers";
import { setPaused } from "./live";
import { FAST_MS, pollWhile, SLOW_MS } from "./polling";
import { OpsError } from "./problem";
import { makeQueryClient } from "./queryClient";

type Answer = { running: boolean; count: number };

let answers = 0;
let running = false;
let fails: OpsError | null = null;

function Panel({ slow }: { slow?: number | false }) {
  const query = useQuery({
    queryKey: ["ops", "panel"],
    retry: false,
    queryFn: async (): Promise<Answer> => {
      answers += 1;
      if (fails) throw fails;
      return Promise.resolve({ running, count: answers });
    },
    refetchInterval: pollWhile<Answer>((data) => data.running, slow),
  });
  return <p>Answer {query.data?.count ?? "none"}</p>;
}

const show = (slow?: number | false) =>
  render(
    <Providers queryClient={makeQueryClient()}>
      <Panel slow={slow} />
    </Providers>,
  );
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

function become(visibility: "visible" | "hidden") {
  vi.spyOn(document, "visibilityState", "get").mockReturnValue(visibility);
  act(() => void document.dispatchEvent(new Event("visibilitychange", { bubbles: true })));
}

beforeEach(() => {
  vi.useFakeTimers();
  [answers, running, fails] = [0, false, null];
  setPaused(false);
});

afterEach(() => {
  setPaused(false);
  vi.useRealTimers();
});

test("a page on which nothing runs is asked for slowly", async () => {
  show();
  await pass(0);
  await pass(SLOW_MS - 1);
  expect(answers).toBe(1);
  await pass(1);
  expect(answers).toBe(2);
});

test("while something runs it is asked for fast, and slowly again after the end", async () => {
  running = true;
  show();
  await pass(0);
  await pass(3 * FAST_MS);
  expect(answers).toBe(4);
  running = false;
  await pass(FAST_MS);
  expect(answers).toBe(5);
  await pass(SLOW_MS - 1);
  expect(answers).toBe(5);
});

test("what has ended for good is not asked for again", async () => {
  running = true;
  show(false);
  await pass(FAST_MS);
  running = false;
  await pass(FAST_MS);
  expect(answers).toBe(3);
  await pass(10 * SLOW_MS);
  expect(answers).toBe(3);
});

test("a hidden tab asks nothing, and asks at once when it is seen again", async () => {
  running = true;
  show();
  await pass(0);
  become("hidden");
  await pass(20 * FAST_MS);
  expect(answers).toBe(1);
  become("visible");
  await pass(0);
  expect(answers).toBe(2);
});

test("while paused nothing is asked, also not when the tab is seen again; resuming asks at once", async () => {
  running = true;
  show();
  await pass(0);
  act(() => setPaused(true));
  become("hidden");
  await pass(20 * FAST_MS);
  become("visible");
  await pass(20 * FAST_MS);
  expect(answers).toBe(1);
  act(() => setPaused(false));
  await pass(0);
  expect(answers).toBe(2);
  await pass(FAST_MS);
  expect(answers).toBe(3);
});

test.each([401, 403])("after an answer %i nothing is asked any more", async (status) => {
  fails = new OpsError(status, "no", "No.");
  show();
  await pass(10 * SLOW_MS);
  expect(answers).toBe(1);
});

test("a console that doesn't answer is asked slowly, until it does", async () => {
  running = true;
  show();
  await pass(0);
  fails = new OpsError(502, "console_unreachable", "The console is unreachable.");
  await pass(FAST_MS);
  expect(answers).toBe(2);
  await pass(SLOW_MS - 1);
  expect(answers).toBe(2);
  fails = null;
  await pass(1);
  await pass(10);
  expect(screen.getByText("Answer 3")).toBeInTheDocument();
});
