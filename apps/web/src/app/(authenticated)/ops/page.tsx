import type { Metadata } from "next";
import { headers } from "next/headers";
import { BackfillPanel } from "@/components/ops/BackfillControls";
import { BackupPanel } from "@/components/ops/BackupStatusPanel";
import { prefetch } from "@/components/ops/data/prefetch";
import { sessionIn } from "@/components/ops/data/session";
import { readParams } from "@/components/ops/data/urlParams";
import { SyncPanel } from "@/components/ops/IdentitySyncPanel";
import { JobsPanel } from "@/components/ops/JobsTable";
import { Providers } from "@/components/ops/Providers";
import { LiveSwitch } from "@/components/ops/shared/LiveSwitch";
import { SyncStatusDashboard } from "@/components/ops/SyncStatusPanel";

export const dynamic = "force-dynamic";
export const metadata: Metadata = { title: "Ops" };

type Props = { searchParams: Promise<Record<string, string | string[] | undefined>> };

/** Syncs, backfills, jobs and backups on one page. No Suspense: with scripts off, the rows would stay hidden. */
export default async function OpsPage({ searchParams }: Props) {
  const query = await searchParams;
  const session = sessionIn((await headers()).get("Cookie")) ?? undefined;
  const params = readParams({ get: (name) => [query[name]].flat()[0] ?? null });
  const { state, servedAt } = await prefetch(params, session);
  return (
    <Providers state={state} servedAt={servedAt}>
      <div className="grid gap-4">
        <div className="flex flex-wrap items-center justify-between gap-3">
          <h1 className="text-2xl font-semibold">Ops</h1>
          <LiveSwitch />
        </div>
        <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,2fr)_minmax(0,3fr)]">
          <SyncPanel />
          <BackfillPanel />
        </div>
        <JobsPanel />
        <SyncStatusDashboard />
        <BackupPanel />
      </div>
    </Providers>
  );
}
