/** The core's address for all its routes. */
export const core = () => (process.env.CORE_API_URL ?? "").replace(/\/+$/, "");

/** Only a path of this site, or a page of another could follow the login. */
export function localPath(path: unknown): string {
  if (typeof path !== "string" || !/^\/(?![/\\])[^\\\s]*$/.test(path)) return "/ops";
  // A header takes no letters beyond Latin-1.
  const { pathname, search } = new URL(path, "http://here.invalid");
  return pathname.startsWith("//") ? "/ops" : pathname + search;
}

/** Goes on by GET. A relative address, since only the browser knows the host that it used. */
export function goTo(path: string, headers: Headers = new Headers()): Response {
  headers.set("Location", path);
  headers.set("Cache-Control", "no-store");
  return new Response(null, { status: 303, headers });
}
