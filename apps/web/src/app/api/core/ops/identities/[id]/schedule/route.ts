import { forward } from "@/components/ops/data/forward";

export const dynamic = "force-dynamic";
export const runtime = "nodejs";
export const PUT = forward("/ops/identities/[id]/schedule");
export const DELETE = forward("/ops/identities/[id]/schedule");
