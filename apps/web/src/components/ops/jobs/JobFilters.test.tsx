import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import { JobsPanel } from "../JobsTable";
import { answer, renderOps } from "../testing";
import { aJob, answerPanel, NO, someCounts } from "./fixtures";

const tabs = () => within(screen.getByRole("navigation", { name: "Jobs by status" }));

describe("the filters", () => {
  it("are tabs with counts, of which the chosen one says so", async () => {
    answerPanel([aJob()], { counts: { failed: 1262, total: 20115 } });
    renderOps(<JobsPanel />, { url: "/ops?status=failed" });
    expect(await tabs().findByRole("link", { name: "All 20,115" })).not.toHaveAttribute("aria-current");
    expect(tabs().getByRole("link", { name: "Failed 1,262" })).toHaveAttribute("aria-current", "true");
    expect(tabs().queryByRole("link", { name: /Other/ })).not.toBeInTheDocument();
  });

  it("have a tab for statuses that the console doesn't know, where there are such", async () => {
    answerPanel([aJob({ status: "parked", can: NO })], { counts: { other: 2 } });
    renderOps(<JobsPanel />);
    expect(await tabs().findByRole("link", { name: "Other 2" })).toBeInTheDocument();
    expect(await screen.findByText("parked")).toBeInTheDocument();
  });

  it("don't say 0 before anything was counted", async () => {
    answerPanel([aJob()]);
    answer("/ops/jobs/counts", someCounts(), { until: new Promise(() => {}) });
    renderOps(<JobsPanel />);
    expect(await tabs().findByRole("link", { name: /Failed.*not counted yet/ })).toBeInTheDocument();
  });

  it("go into the URL and to the console, and back to the first page", async () => {
    const asked = answerPanel([aJob()]);
    const { user } = renderOps(<JobsPanel />, { url: "/ops?page=2" });
    await user.click(await tabs().findByRole("link", { name: /^Failed/ }));
    expect(window.location.search).toBe("?status=failed");
    await waitFor(() => expect(asked.at(-1)?.url.searchParams.get("status")).toBe("failed"));
    expect(asked.at(-1)?.url.searchParams.get("offset")).toBe("0");
  });

  it("take a type, and suggest those of the rows", async () => {
    const asked = answerPanel([aJob(), aJob({ id: 3, job_type: "media.transcode" })]);
    const { user, container } = renderOps(<JobsPanel />);
    const field = await screen.findByRole("combobox", { name: "Type" });
    await waitFor(() =>
      expect(
        [...container.querySelectorAll("datalist option")].map((one) => one.getAttribute("value")),
      ).toEqual(["ingest.sync_delta", "media.transcode"]),
    );
    await user.type(field, "webhook.deliver{Enter}");
    expect(window.location.search).toBe("?type=webhook.deliver");
    await waitFor(() => expect(asked.at(-1)?.url.searchParams.get("job_type")).toBe("webhook.deliver"));
  });

  it("follow the identity of the URL, by name, until it is cleared", async () => {
    const asked = answerPanel([aJob()]);
    const { user } = renderOps(<JobsPanel />, { url: "/ops?identity=7" });
    const clear = await screen.findByRole("button", { name: "Show all identities" });
    await waitFor(() => expect(clear.closest("p")).toHaveTextContent("Kestrel over Fen"));
    expect(asked[0]?.url.searchParams.get("identity_id")).toBe("7");
    await user.click(clear);
    expect(window.location.search).toBe("");
  });
});

describe("the pages", () => {
  it("say where they are in a total that may be estimated", async () => {
    answerPanel([aJob({ id: 2 }), aJob({ id: 1 })], { page: { total: 20115, total_is: "estimated" } });
    renderOps(<JobsPanel />, { url: "/ops?page=2" });
    expect(await screen.findByText("Jobs 51–52 of about 20,115")).toBeInTheDocument();
  });

  it("lead on while there is more, and not beyond", async () => {
    const asked = answerPanel([aJob()], { page: { next: "http://console/ops/jobs?cursor=x" } });
    const { user } = renderOps(<JobsPanel />);
    const next = await screen.findByRole("link", { name: "Next page" });
    expect(screen.getByRole("link", { name: "Previous page" })).toHaveAttribute("aria-disabled", "true");
    await user.click(next);
    expect(window.location.search).toBe("?page=2");
    await waitFor(() => expect(asked.at(-1)?.url.searchParams.get("offset")).toBe("50"));
  });
});
