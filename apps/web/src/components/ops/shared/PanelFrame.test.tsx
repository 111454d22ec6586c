import { useQuery } from "@tanstack/react-query";
import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { ask, client } from "../data/client";
import { keys } from "../data/keys";
import type { JobCounts } from "../data/schema.generated";
import { answer, recorded, refuse, renderOps, unreachable } from "../testing";
import { PanelFrame } from "./PanelFrame";

const PATH = "/ops/jobs/counts";

function Panel() {
  const query = useQuery({ queryKey: keys.counts(), queryFn: () => ask(client.GET(PATH, {})) });
  return (
    <PanelFrame
      title="Counts"
      query={query}
      isEmpty={(counts) => counts.total === 0}
      empty="No jobs yet."
      actions={<button>Retry all</button>}
    >
      {(counts) => <p>{counts.failed} failed</p>}
    </PanelFrame>
  );
}

const counts = () => recorded<JobCounts>("counts");
const panel = () => within(screen.getByRole("region", { name: "Counts" }));

test("while it loads, a panel has its heading and says that it loads", async () => {
  let arrive = () => {};
  answer(PATH, counts(), { until: new Promise<void>((resolve) => (arrive = resolve)) });
  renderOps(<Panel />);
  expect(panel().getByRole("heading", { name: "Counts" })).toBeInTheDocument();
  expect(panel().getByText("Loading counts")).toBeInTheDocument();
  arrive();
  expect(await panel().findByText(`${counts().failed} failed`)).toBeInTheDocument();
});

test("a panel shows its data and their age", async () => {
  answer(PATH, counts());
  renderOps(<Panel />);
  await panel().findByText(`${counts().failed} failed`);
  expect(panel().getByText("Updated just now")).toBeInTheDocument();
});

test("with nothing in it, a panel says so", async () => {
  answer(PATH, { ...counts(), total: 0 });
  renderOps(<Panel />);
  expect(await panel().findByText("No jobs yet.")).toBeInTheDocument();
});

test.each([
  [400, "invalid"],
  [404, "not_found"],
  [429, "throttled"],
  [503, "database_unreachable"],
  [504, "console_too_slow"],
])("an answer %i is a sentence with a way to try again", async (status, code) => {
  refuse(PATH, status, code, `The sentence of ${status}.`);
  const { user } = renderOps(<Panel />);
  expect(await panel().findByRole("alert")).toHaveTextContent(`The sentence of ${status}.`);
  answer(PATH, counts());
  await user.click(panel().getByRole("button", { name: "Try again" }));
  expect(await panel().findByText(`${counts().failed} failed`)).toBeInTheDocument();
  expect(panel().queryByRole("alert")).not.toBeInTheDocument();
});

test("an old answer stays when the next one fails, and says that it isn't up to date", async () => {
  answer(PATH, counts());
  const { queryClient } = renderOps(<Panel />);
  await panel().findByText(`${counts().failed} failed`);
  unreachable(PATH);
  await queryClient.invalidateQueries({ queryKey: keys.counts() });
  expect(await panel().findByText(/^Not up to date/)).toHaveTextContent("The server can’t be reached.");
  expect(panel().getByText(`${counts().failed} failed`)).toBeInTheDocument();
  expect(panel().getByRole("button", { name: "Try again" })).toBeInTheDocument();
});

test("what the user may not see is said so, without buttons that couldn't work", async () => {
  refuse(PATH, 403, "permission_denied", "You are not allowed to do this.");
  renderOps(<Panel />);
  expect(await panel().findByText("You are not allowed to do this.")).toBeInTheDocument();
  expect(panel().queryByRole("button")).not.toBeInTheDocument();
});

test("when the session ends, the data stay, with one sentence and a link back to this address", async () => {
  answer(PATH, counts());
  const { queryClient } = renderOps(<Panel />, { url: "/ops?status=failed&job=12" });
  await panel().findByText(`${counts().failed} failed`);
  refuse(PATH, 401, "session_ended", "Your session has ended. Log in again.");
  await queryClient.invalidateQueries({ queryKey: keys.counts() });
  const link = await screen.findByRole("link", { name: "Log in again" });
  expect(link).toHaveAttribute("href", "/login?next=%2Fops%3Fstatus%3Dfailed%26job%3D12");
  expect(panel().getByText(`${counts().failed} failed`)).toBeInTheDocument();
  answer(PATH, counts());
  await queryClient.invalidateQueries({ queryKey: keys.counts() });
  await waitFor(() => expect(screen.queryByRole("link", { name: "Log in again" })).not.toBeInTheDocument());
});
