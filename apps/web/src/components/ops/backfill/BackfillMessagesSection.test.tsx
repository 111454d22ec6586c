import { screen, waitFor } from "@testing-library/react";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Conversation } from "../data/schema.generated";
import { answer, refuse, renderOps } from "../testing";
import { BackfillMessagesSection } from "./BackfillMessagesSection";
import { accepted, aConversation } from "../testing/runs";

const onStarted = vi.fn();

function found(conversations: Conversation[], next: string | null = null) {
  return answer("/ops/conversations", { conversations, next, previous: null });
}

const show = (identity: number | null = null, url = "/ops") =>
  renderOps(<BackfillMessagesSection identity={identity} onStarted={onStarted} />, { url });
const field = () => screen.getByRole("combobox", { name: "Search conversations" });

beforeEach(() => onStarted.mockReset());

describe("Backfilling messages", () => {
  test("can’t be started before something is chosen, and says so", async () => {
    const { user } = show();
    const start = screen.getByRole("button", { name: "Backfill messages" });
    expect(start).toHaveAttribute("aria-disabled", "true");
    expect(start).toHaveAccessibleDescription("Choose a conversation first.");
    const asked = answer("/ops/backfill/messages", accepted(), { method: "post", status: 202 });
    await user.click(start);
    expect(asked).toHaveLength(0);
  });

  test("takes the conversation of the address", async () => {
    const asked = answer("/ops/backfill/messages", accepted(), { method: "post", status: 202 });
    const { user } = show(null, "/ops?conversation=5218");
    expect(screen.getByText("Conversation 5218")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Backfill 1 conversation" }));
    await waitFor(() => expect(onStarted).toHaveBeenCalledOnce());
    expect(asked[0]?.body).toEqual({ conversation_ids: [5218] });
    expect(window.location.search).toBe("");
  });

  test("sends what was chosen, hands its names on and clears the choice", async () => {
    found([aConversation(1, "ann"), aConversation(2, "bob")]);
    const asked = answer("/ops/backfill/messages", accepted(), { method: "post", status: 202 });
    const { user } = show();
    await user.click(field());
    await user.click(await screen.findByRole("option", { name: /ann/ }));
    await user.click(screen.getByRole("option", { name: /bob/ }));
    await user.click(screen.getByRole("button", { name: "Backfill 2 conversations" }));
    await waitFor(() => expect(onStarted).toHaveBeenCalledOnce());
    expect(asked[0]?.body).toEqual({ conversation_ids: [1, 2] });
    expect([...onStarted.mock.calls[0]![1]]).toEqual([
      [1, "ann"],
      [2, "bob"],
    ]);
    expect(screen.queryByRole("list", { name: "Chosen conversations" })).toBeNull();
  });

  test("keeps the choice when the console refuses, with its sentence", async () => {
    refuse("/ops/backfill/messages", 404, "conversation_not_found", "Conversation 5218 does not exist.", {
      method: "post",
    });
    const { user } = show(null, "/ops?conversation=5218");
    await user.click(screen.getByRole("button", { name: "Backfill 1 conversation" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Conversation 5218 does not exist.");
    expect(screen.getByText("Conversation 5218")).toBeInTheDocument();
  });
});
