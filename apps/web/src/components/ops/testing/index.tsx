import type { QueryClient } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import type { ReactElement } from "react";
import { setPaused } from "../data/live";
import { makeQueryClient } from "../data/queryClient";
import { Providers } from "../Providers";
import { mustBeDescribed } from "./description";
import { forgetSearch } from "./navigation";
import { server } from "./server";

export { mustBeDescribed } from "./description";
export { recorded } from "./recordings";
export { server } from "./server";

type Method = "get" | "post" | "put" | "delete";

export type Options = {
  status?: number;
  method?: Method;
  headers?: Record<string, string>;
  /** Answers only this many requests; then what was said before holds again. */
  times?: number;
  /** Keeps the answer back until this settles. */
  until?: Promise<unknown>;
};

export type Asked = { url: URL; headers: Headers; body: unknown };

/**
 * Says what the console answers from now on, and returns the requests that came, as they come.
 * A body that the API's description doesn't allow fails the test.
 *
 * Args:
 *   template: the path as in the description: `/ops/jobs/{id}`.
 *   body: the answer, or a function that makes it of the request.
 */
export function answer(template: string, body: unknown, options: Options = {}): Asked[] {
  const { status = 200, method = "get", headers, times, until } = options;
  const asked: Asked[] = [];
  if (typeof body !== "function") mustBeDescribed(method, template, status, body);
  const address = `*/api/core${template.replaceAll(/\{(\w+)\}/g, ":$1")}`;
  let left = times ?? Infinity;
  server.use(
    http[method](address, async ({ request }) => {
      if (left <= 0) return undefined;
      left -= 1;
      const text = await request.clone().text();
      const one: Asked = {
        url: new URL(request.url),
        headers: request.headers,
        body: text ? (JSON.parse(text) as unknown) : null,
      };
      asked.push(one);
      await until;
      const content: unknown = typeof body === "function" ? (body as (asked: Asked) => unknown)(one) : body;
      mustBeDescribed(method, template, status, content);
      return HttpResponse.json(content as Record<string, unknown>, { status, headers });
    }),
  );
  return asked;
}

/** Answers with an error in the API's shape. */
export function refuse(
  template: string,
  status: number,
  code: string,
  detail: string,
  options: Options & { more?: object } = {},
): Asked[] {
  const { more, ...rest } = options;
  return answer(template, { detail, code, ...more }, { ...rest, status });
}

/** Answers nothing: the connection breaks. */
export function unreachable(template: string, method: Method = "get"): void {
  server.use(
    http[method](`*/api/core${template.replaceAll(/\{(\w+)\}/g, ":$1")}`, () => HttpResponse.error()),
  );
}

/** Renders a part of the page as the page would, with a client of its own. */
export function renderOps(
  element: ReactElement,
  { url = "/ops", client }: { url?: string; client?: QueryClient } = {},
) {
  forgetSearch(url);
  setPaused(false);
  const queryClient = client ?? makeQueryClient();
  queryClient.setDefaultOptions({
    ...queryClient.getDefaultOptions(),
    queries: { ...queryClient.getDefaultOptions().queries, retry: false },
  });
  const wrap = (child: ReactElement) => <Providers queryClient={queryClient}>{child}</Providers>;
  const result = render(wrap(element));
  return {
    ...result,
    rerender: (next: ReactElement) => result.rerender(wrap(next)),
    user: userEvent.setup(),
    queryClient,
  };
}
