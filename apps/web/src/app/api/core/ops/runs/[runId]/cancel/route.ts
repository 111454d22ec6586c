import { forward } from "@/components/ops/data/forward";

export const dynamic = "force-dynamic";
export const runtime = "nodejs";
export const POST = forward("/ops/runs/[runId]/cancel");
