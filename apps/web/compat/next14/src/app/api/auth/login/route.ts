import { NextResponse } from "next/server";

export const dynamic = "force-dynamic";

export async function POST(request: Request) {
  const answer = await fetch(`${process.env.CORE_API_URL}/auth/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: await request.text(),
    cache: "no-store",
  }).catch(() => null);
  if (!answer) return NextResponse.json({ detail: "The core is unreachable." }, { status: 502 });
  const response = NextResponse.json(await answer.json(), { status: answer.status });
  for (const cookie of answer.headers.getSetCookie()) response.headers.append("Set-Cookie", cookie);
  return response;
}
