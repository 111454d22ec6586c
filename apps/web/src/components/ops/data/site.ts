import "server-only";

/**
 * Whether a change was asked for by a page of this site. The console sees only this server, so it can't tell.
 *
 * A page that hides its origin sends `null`; then, as without an origin, the browser's own word counts.
 */
export function isSameSite(request: Request): boolean {
  const origin = request.headers.get("Origin");
  if (origin === null || origin === "null") return request.headers.get("Sec-Fetch-Site") === "same-origin";
  const host = request.headers.get("Host");
  try {
    const { protocol, host: expected } = new URL(origin);
    // By the origin's scheme, not by ours: TLS may end before us.
    return host !== null && new URL(`${protocol}//${host}`).host === expected && expected !== "";
  } catch {
    return false;
  }
}
