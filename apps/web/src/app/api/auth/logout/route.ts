import { sessionIn } from "@/components/ops/data/session";
import { isSameSite } from "@/components/ops/data/site";
import { core, goTo } from "../shared";

export const dynamic = "force-dynamic";
export const runtime = "nodejs";

/** Ends the session at the core. The browser forgets it in any case. */
export async function POST(request: Request): Promise<Response> {
  if (!isSameSite(request)) return goTo("/ops");
  const session = sessionIn(request.headers.get("Cookie"));
  if (session) {
    await fetch(`${core()}/auth/logout`, {
      method: "POST",
      headers: { Accept: "application/json", Cookie: `session=${session}` },
      cache: "no-store",
      redirect: "manual",
      signal: AbortSignal.timeout(15_000),
    }).catch(() => null);
  }
  return goTo("/login", new Headers({ "Set-Cookie": "session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax" }));
}
