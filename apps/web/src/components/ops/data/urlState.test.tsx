import { act, renderHook } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { forgetSearch } from "../testing/navigation";
import { countFilters, jobFilters, PAGE_SIZE, useHref, useUrlState } from "./urlState";
import { readParams } from "./urlParams";

beforeEach(() => forgetSearch("/ops"));

const read = (search: string) => readParams(new URLSearchParams(search));

test("a URL without a query is the first page without filters", () => {
  expect(read("")).toMatchObject({
    status: null,
    type: null,
    page: 1,
    identity: null,
    job: null,
    inactive: false,
  });
});

test("what a URL can't mean is as if it were absent", () => {
  const odd = read("status=&page=-1&identity=abc&job=1.5&conversation=99999999999999999999&backup_page=0");
  expect(odd).toMatchObject({
    status: null,
    page: 1,
    identity: null,
    job: null,
    conversation: null,
    backup_page: 1,
  });
});

test("the list's filters are those of the URL, and the counts share all but the status", () => {
  const params = read("status=failed,retrying&type=ingest.sync_delta&identity=7&page=3");
  expect(jobFilters(params)).toEqual({
    status: "failed,retrying",
    job_type: "ingest.sync_delta",
    identity_id: 7,
    limit: PAGE_SIZE,
    offset: 2 * PAGE_SIZE,
  });
  expect(countFilters(params)).toEqual({ job_type: "ingest.sync_delta", identity_id: 7 });
});

test("a change replaces the address, keeps the rest of it, and is read back", () => {
  forgetSearch("/ops?theme=x&status=done&page=4#jobs");
  const length = window.history.length;
  const { result } = renderHook(() => useUrlState());
  act(() => result.current[1]({ status: "failed", page: null }));
  expect(window.location.href).toMatch(/\/ops\?theme=x&status=failed#jobs$/);
  expect(result.current[0]).toMatchObject({ status: "failed", page: 1 });
  expect(window.history.length).toBe(length);
});

test("two changes in one go don't undo each other", () => {
  const { result } = renderHook(() => useUrlState());
  act(() => {
    result.current[1]({ status: "failed" });
    result.current[1]({ type: "webhook.deliver", page: 2 });
    result.current[1]({ page: 1 });
  });
  expect(window.location.search).toBe("?status=failed&type=webhook.deliver");
});

test("Back undoes a change that was pushed", async () => {
  const { result } = renderHook(() => useUrlState());
  act(() => result.current[1]({ job: 12 }, { push: true }));
  expect(result.current[0].job).toBe(12);
  const moved = new Promise((resolve) => window.addEventListener("popstate", resolve, { once: true }));
  await act(async () => {
    window.history.back();
    await moved;
  });
  expect(result.current[0].job).toBeNull();
});

test("a link leads to the page with one parameter changed", () => {
  forgetSearch("/ops?status=failed&job=3");
  const { result } = renderHook(() => useHref());
  expect(result.current({ job: 12 })).toBe("?status=failed&job=12");
  expect(result.current({ job: null, status: null })).toBe("?");
});
