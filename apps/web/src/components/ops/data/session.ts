import "server-only";

// Visible characters but for the comma and the semicolon, which end a cookie.
const POSSIBLE = /^[!-+\--:<-~]{1,512}$/;

/**
 * The value of the cookie `session`, as the core reads it: of several the last one, as the browser sent it.
 *
 * Args:
 *   header: the request's header `Cookie`.
 *
 * Returns: null without a session, and for a value that could reach the console as more than one cookie.
 */
export function sessionIn(header: string | null): string | null {
  let found = "";
  for (const part of (header ?? "").split(";")) {
    const [name, ...value] = part.trim().split("=");
    if (name === "session") found = value.join("=");
  }
  return POSSIBLE.test(found) ? found : null;
}
