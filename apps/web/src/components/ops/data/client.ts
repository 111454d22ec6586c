import createClient from "openapi-fetch";
import { errorOf, notJson, OpsError, unreachable } from "./problem";
import type { paths } from "./schema.generated";
import { noteServerTime } from "./serverClock";

const origin = typeof window === "undefined" ? "" : window.location.origin;

/** The console's API as the front end's own server offers it. The browser keeps ETags and asks conditionally by itself. */
export const client = createClient<paths>({
  baseUrl: `${origin}/api/core`,
  // Looked up at each call: a test replaces it after this module was loaded.
  fetch: (request) => globalThis.fetch(request),
});

type Call<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

/**
 * Returns the data of a call of `client`.
 *
 * Args:
 *   call: what `client.GET(…)` and its like return.
 *
 * Raises: `OpsError` for every answer that isn't 2xx with JSON, and where none came. An aborted call stays an `AbortError`.
 */
export async function ask<T>(call: Call<T>): Promise<T> {
  const { data, error, response } = await call.catch((reason: unknown) => {
    if (reason instanceof Error && reason.name === "AbortError") throw reason;
    if (reason instanceof SyntaxError) throw notJson(502);
    throw reason instanceof OpsError ? reason : unreachable();
  });
  noteServerTime(response.headers.get("Date"));
  if (!response.ok) throw errorOf(response, error);
  // An empty body of a 2xx answer is none of this API's.
  if (data === undefined) throw notJson(response.status);
  return data;
}
