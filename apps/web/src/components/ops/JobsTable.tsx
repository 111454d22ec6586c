"use client";

import dynamic from "next/dynamic";

import { countFilters, jobFilters, useUrlState } from "./data/urlState";
import { useBulkAction } from "./data/useBulkAction";
import { useCounts } from "./data/useJobs";
import { BulkBar } from "./jobs/BulkBar";
import { BulkOutcome } from "./jobs/BulkOutcome";
import { JobActionsProvider } from "./jobs/JobActionsProvider";
import { JobFilters } from "./jobs/JobFilters";
import { JobsTable } from "./jobs/JobRows";
import { JobsSkeleton, NewJobs, NoJobs } from "./jobs/ListStates";
import { Pagination } from "./jobs/Pagination";
import { useFailedTitle } from "./jobs/useFailedTitle";
import { useJobList } from "./jobs/useJobList";
import { PanelFrame } from "./shared/PanelFrame";

const JobSheet = dynamic(() => import("./jobs/JobSheet").then((module) => module.JobSheet), { ssr: false });

interface Props {
  /**
   * The host application's own route that deletes a message, called with DELETE, such as
   * `/api/core/messages/{message_id}`; `{conversation_id}` is filled in too. Without it, *Delete message* isn't offered:
   * the console has no such route. A template and not a function, since a server component can't pass one.
   */
  messageDeleteUrl?: string;
  /** The page of a conversation in the host application. */
  inboxUrl?: string;
}

/** Filters, rows, pages, and the job's side sheet. */
export function JobsPanel({ messageDeleteUrl, inboxUrl = "/inbox/{conversation_id}" }: Props) {
  const [params, set] = useUrlState();
  const { query, rows, gone, waiting, refresh } = useJobList(jobFilters(params));
  const counts = useCounts(countFilters(params)).data;
  const bulk = useBulkAction();
  useFailedTitle();
  const identityName = rows.find((job) => job.identity?.id === params.identity)?.identity?.display_name;

  return (
    <JobActionsProvider messageDeleteUrl={messageDeleteUrl} inboxUrl={inboxUrl}>
      <PanelFrame
        id="jobs"
        title="Jobs"
        query={query}
        actions={<BulkBar counts={counts} bulk={bulk} identityName={identityName} />}
        toolbar={<JobFilters counts={counts} rows={rows} />}
        skeleton={<JobsSkeleton />}
        isEmpty={() => rows.length === 0}
        empty={<NoJobs />}
      >
        {(page) => (
          <>
            {bulk.data && <BulkOutcome accepted={bulk.data} onClose={bulk.reset} />}
            <NewJobs waiting={waiting} page={params.page} onShow={refresh} />
            <JobsTable rows={rows} gone={gone} status={params.status} busy={query.isPlaceholderData} />
            <Pagination page={page} rows={rows.length} />
          </>
        )}
      </PanelFrame>
      {params.job !== null && (
        <JobSheet
          id={params.job}
          rows={rows}
          onOpen={(job) => set({ job })}
          onClose={() => set({ job: null })}
        />
      )}
    </JobActionsProvider>
  );
}
