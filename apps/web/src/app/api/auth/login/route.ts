import { isSameSite } from "@/components/ops/data/site";
import { core, goTo, localPath } from "../shared";

export const dynamic = "force-dynamic";
export const runtime = "nodejs";

/** Logs in at the core, and hands its cookie to the browser. */
export async function POST(request: Request): Promise<Response> {
  const form = await request.formData().catch(() => new FormData());
  const next = localPath(form.get("next"));
  const again = (error: string) => goTo(`/login?error=${error}&next=${encodeURIComponent(next)}`);
  if (!isSameSite(request)) return again("site");
  const answer = await fetch(`${core()}/auth/login`, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify({ username: form.get("username"), password: form.get("password") }),
    cache: "no-store",
    redirect: "manual",
    signal: AbortSignal.timeout(15_000),
  }).catch(() => null);
  if (answer === null || answer.status >= 500) return again("unreachable");
  const cookies = answer.headers.getSetCookie().filter((cookie) => cookie.startsWith("session="));
  if ([400, 401, 422].includes(answer.status)) return again("refused");
  if (!answer.ok || cookies.length === 0) return again("rejected");
  const headers = new Headers();
  cookies.forEach((cookie) => headers.append("Set-Cookie", cookie));
  return goTo(next, headers);
}
