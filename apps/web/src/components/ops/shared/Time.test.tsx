import { act, render, screen } from "@testing-library/react";
import { hydrateRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { noteServerTime } from "../data/serverClock";
import { Countdown } from "./Countdown";
import { ServedAtContext } from "./servedAt";
import { Time } from "./Time";

const NOW = Date.parse("2026-06-30T12:00:00Z");
const THREE_MINUTES_AGO = "2026-06-30T11:56:50.123456Z";
const zone = process.env.TZ;
let root: Root | undefined;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  noteServerTime(new Date(NOW).toISOString());
});

afterEach(() => {
  act(() => root?.unmount());
  root = undefined;
  vi.useRealTimers();
  process.env.TZ = zone;
  noteServerTime(new Date().toISOString());
});

function hydrate(element: React.ReactElement) {
  const complaints: unknown[] = [];
  const html = renderToString(element);
  const container = document.createElement("div");
  container.innerHTML = html;
  document.body.replaceChildren(container);
  const error = vi.spyOn(console, "error").mockImplementation((...said) => void complaints.push(said));
  act(() => {
    root = hydrateRoot(container, element, { onRecoverableError: (fault) => complaints.push(fault) });
  });
  error.mockRestore();
  return { html, container, complaints };
}

test("the server renders UTC, and the age follows after hydration, without a warning", () => {
  const { html, container, complaints } = hydrate(<Time value={THREE_MINUTES_AGO} />);
  expect(html).toBe(
    `<time dateTime="${THREE_MINUTES_AGO}" title="2026-06-30 11:56:50 UTC">2026-06-30 11:56 UTC</time>`,
  );
  expect(container).toHaveTextContent(/^3 min ago$/);
  expect(complaints).toEqual([]);
});

test("a time of the day on which the page was served needs no date, so that its age takes no other room", () => {
  const { html, complaints } = hydrate(
    <ServedAtContext.Provider value="2026-06-30T12:00:00.000Z">
      <Time value={THREE_MINUTES_AGO} />
      <Time value="2026-06-29T23:59:59Z" />
      <Countdown to="2026-06-30T12:01:05Z" />
    </ServedAtContext.Provider>,
  );
  expect(html).toMatch(/>11:56 UTC<.*>2026-06-29 23:59 UTC<.*>12:01 UTC</);
  expect(complaints).toEqual([]);
});

test("in another zone the server's text is the same, and the title says both times", () => {
  process.env.TZ = "Pacific/Auckland";
  const { html, container, complaints } = hydrate(<Time value={THREE_MINUTES_AGO} />);
  expect(html).toContain("2026-06-30 11:56:50 UTC");
  expect(complaints).toEqual([]);
  expect(container.querySelector("time")?.title).toMatch(
    /Jun 30, 2026.*11:56:50.*· 2026-06-30 11:56:50 UTC$/,
  );
});

test.each([3_600_000, -3_600_000])(
  "with the browser's clock %i ms off, ages are still the server's",
  (off) => {
    vi.setSystemTime(NOW + off);
    noteServerTime(new Date(NOW).toUTCString());
    render(<Time value={THREE_MINUTES_AGO} />);
    expect(screen.getByText("3 min ago")).toBeInTheDocument();
  },
);

test("an age grows by itself, and not in a hidden tab", () => {
  render(<Time value="2026-06-30T11:59:50Z" />);
  expect(screen.getByText("10 s ago")).toBeInTheDocument();
  act(() => void vi.advanceTimersByTime(5_000));
  expect(screen.getByText("15 s ago")).toBeInTheDocument();
  const hidden = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  act(() => void document.dispatchEvent(new Event("visibilitychange")));
  act(() => void vi.advanceTimersByTime(60_000));
  expect(screen.getByText("15 s ago")).toBeInTheDocument();
  hidden.mockReturnValue("visible");
  act(() => void document.dispatchEvent(new Event("visibilitychange")));
  expect(screen.getByText("1 min ago")).toBeInTheDocument();
});

test("a time that is unknown says so, and one that no clock can show says what it is", () => {
  render(
    <>
      <Time value={null} />
      <Time value={null} fallback="Not yet" />
      <Time value={null} text="infinity" />
      <Time value="no time" />
    </>,
  );
  for (const text of ["Never", "Not yet", "infinity", "no time"])
    expect(screen.getByText(text)).toBeInTheDocument();
});

test("a countdown ticks until it is due, and is UTC from the server", () => {
  const element = <Countdown to="2026-06-30T12:01:05Z" />;
  const { html, container, complaints } = hydrate(element);
  expect(html).toContain(">2026-06-30 12:01 UTC<");
  expect(complaints).toEqual([]);
  expect(container).toHaveTextContent("in 1 min 5 s");
  act(() => void vi.advanceTimersByTime(60_000));
  expect(container).toHaveTextContent("in 5 s");
  act(() => void vi.advanceTimersByTime(5_000));
  expect(container).toHaveTextContent("Due now");
});
