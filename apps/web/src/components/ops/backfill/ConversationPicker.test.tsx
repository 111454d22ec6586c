import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Conversation } from "../data/schema.generated";
import { answer, refuse, renderOps, unreachable } from "../testing";
import { BackfillMessagesSection } from "./BackfillMessagesSection";
import { ConversationPicker } from "./ConversationPicker";
import { aConversation } from "../testing/runs";
import { MAX_CONVERSATIONS } from "./useChosen";

const NEXT = "https://ops.example.com/ops/conversations?cursor=second%3Apage&limit=50";
const onStarted = vi.fn();

function found(conversations: Conversation[], next: string | null = null) {
  return answer("/ops/conversations", { conversations, next, previous: null });
}

const show = (identity: number | null = null, url = "/ops") =>
  renderOps(<BackfillMessagesSection identity={identity} onStarted={onStarted} />, { url });
const field = () => screen.getByRole("combobox", { name: "Search conversations" });
const options = () => screen.getAllByRole("option").map((one) => one.textContent ?? "");

beforeEach(() => onStarted.mockReset());

describe("Searching conversations", () => {
  test("asks nothing before the field is used", () => {
    const asked = found([]);
    show();
    expect(asked).toHaveLength(0);
    expect(field()).toHaveAttribute("aria-expanded", "false");
  });

  test("asks the console once for what was typed, and only among the identity’s conversations", async () => {
    const asked = found([aConversation(31, "carol"), aConversation(32, "caroline")]);
    const { user } = show(7);
    await user.type(field(), "carol");
    await waitFor(() => expect(asked.at(-1)?.url.searchParams.get("q")).toBe("carol"));
    expect(await screen.findAllByRole("option")).toHaveLength(2);
    expect(asked.filter((one) => one.url.searchParams.has("q"))).toHaveLength(1);
    expect(asked.at(-1)?.url.searchParams.get("identity_id")).toBe("7");
  });

  test("says that it searches, that nothing matches, and that nothing is there at all", async () => {
    let release = () => {};
    answer(
      "/ops/conversations",
      { conversations: [], next: null, previous: null },
      {
        until: new Promise<void>((resolve) => (release = resolve)),
      },
    );
    const { user } = show();
    await user.click(field());
    expect(screen.getByText("Searching conversations…")).toBeInTheDocument();
    release();
    expect(
      await screen.findByText("No conversations yet. A sync or backfill brings them."),
    ).toBeInTheDocument();
    await user.type(field(), "zed");
    expect(await screen.findByText("No counterpart matches “zed”.")).toBeInTheDocument();
  });

  test("says what went wrong, and recovers with Try again", async () => {
    unreachable("/ops/conversations");
    const { user } = show();
    await user.click(field());
    const again = await screen.findByRole("button", { name: "Try again" });
    found([aConversation(31, "carol")]);
    await user.click(again);
    expect(await screen.findByRole("option", { name: /carol/ })).toBeInTheDocument();
  });

  test("shows the sentence to somebody who may not see conversations", async () => {
    refuse(
      "/ops/conversations",
      403,
      "permission_denied",
      "You need the permission identities.view_conversation.",
    );
    const { user } = show();
    await user.click(field());
    expect(
      await screen.findByText("You need the permission identities.view_conversation."),
    ).toBeInTheDocument();
  });

  test("loads more by the cursor of the page before", async () => {
    const asked = answer("/ops/conversations", ({ url }: { url: URL }) =>
      url.searchParams.get("cursor") === "second:page"
        ? { conversations: [aConversation(2, "second")], next: null, previous: null }
        : { conversations: [aConversation(1, "first")], next: NEXT, previous: null },
    );
    const { user } = show();
    await user.click(field());
    await user.click(await screen.findByRole("button", { name: "Load more" }));
    expect(await screen.findByRole("option", { name: /second/ })).toBeInTheDocument();
    expect(options()).toHaveLength(2);
    expect(asked).toHaveLength(2);
    expect(screen.queryByRole("button", { name: "Load more" })).toBeNull();
    expect(field()).toHaveFocus();
  });

  test("shows names as text: in right-to-left script, with HTML, and of 128 characters", async () => {
    found([
      aConversation(1, "مكتبة الحي القديم"),
      aConversation(2, "<img src=x onerror=alert(1)>"),
      aConversation(3, "n".repeat(128)),
    ]);
    const { user } = show();
    await user.click(field());
    const name = await screen.findByText("مكتبة الحي القديم");
    expect(name.tagName).toBe("BDI");
    expect(screen.getByText("<img src=x onerror=alert(1)>")).toBeInTheDocument();
    expect(document.querySelector("img")).toBeNull();
    expect(screen.getByText("n".repeat(128))).toHaveClass("break-words");
  });
});

describe("Choosing by keyboard", () => {
  test("moves with the arrow keys, chooses with Enter, closes with Escape, and keeps the focus in the field", async () => {
    found([aConversation(1, "ann"), aConversation(2, "bob"), aConversation(3, "cyd")]);
    const { user } = show();
    await user.tab();
    expect(field()).toHaveFocus();
    await user.keyboard("{ArrowDown}");
    await screen.findByRole("option", { name: /ann/ });
    await user.keyboard("{ArrowDown}{ArrowDown}");
    const bob = screen.getByRole("option", { name: /bob/ });
    expect(field()).toHaveAttribute("aria-activedescendant", bob.id);
    await user.keyboard("{Enter}");
    expect(bob).toHaveAttribute("aria-selected", "true");
    await user.keyboard("{ArrowDown}{Enter}{ArrowUp}{ArrowUp}{ArrowUp}{Enter}");
    expect(screen.getByRole("button", { name: "Backfill 3 conversations" })).toBeInTheDocument();
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("listbox")).toBeNull();
    expect(field()).toHaveFocus();
  });

  test("closes with a button too, and gives the focus back to the field", async () => {
    found([aConversation(1, "ann")]);
    const { user } = show();
    await user.click(field());
    await user.click(await screen.findByRole("button", { name: "Close list" }));
    expect(screen.queryByRole("listbox")).toBeNull();
    expect(field()).toHaveFocus();
  });

  test("clears the text with Escape in the closed list", async () => {
    found([]);
    const { user } = show();
    await user.type(field(), "abc");
    await user.keyboard("{Escape}{Escape}");
    expect(field()).toHaveValue("");
  });

  test("takes a choice out again, and moves the focus to its neighbor", async () => {
    found([aConversation(1, "ann"), aConversation(2, "bob")]);
    const { user } = show();
    await user.click(field());
    await user.click(await screen.findByRole("option", { name: /ann/ }));
    await user.click(screen.getByRole("option", { name: /bob/ }));
    const list = screen.getByRole("list", { name: "Chosen conversations" });
    await user.click(within(list).getByRole("button", { name: "Remove ann" }));
    expect(within(list).queryByText("ann")).toBeNull();
    expect(within(list).getByRole("button", { name: "Remove bob" })).toHaveFocus();
  });

  test("refuses an id that the browser has rounded: it would be another conversation’s", async () => {
    found([aConversation(2 ** 53, "ann")]);
    const { user } = show();
    await user.click(field());
    const ann = await screen.findByRole("option", { name: /ann/ });
    expect(ann).toHaveAttribute("aria-disabled", "true");
    await user.click(ann);
    expect(screen.queryByRole("list", { name: "Chosen conversations" })).toBeNull();
  });

  test("stops at the limit, which is a hundred, and says so", async () => {
    found([aConversation(1, "ann"), aConversation(2, "bob")]);
    const onToggle = vi.fn();
    const chosen = new Set(Array.from({ length: 100 }, (_, index) => index + 2));
    const { user } = renderOps(
      <ConversationPicker
        label="Search"
        identity={null}
        limit={MAX_CONVERSATIONS}
        chosen={chosen}
        onToggle={onToggle}
      />,
    );
    await user.click(screen.getByRole("combobox", { name: "Search" }));
    expect(await screen.findByText("100 conversations are chosen, the most at once.")).toBeInTheDocument();
    const ann = await screen.findByRole("option", { name: /ann/ });
    expect(ann).toHaveAttribute("aria-disabled", "true");
    await user.click(ann);
    expect(onToggle).not.toHaveBeenCalled();
    // What is chosen can still be taken out.
    await user.click(screen.getByRole("option", { name: /bob/ }));
    expect(onToggle).toHaveBeenCalledOnce();
  });
});
