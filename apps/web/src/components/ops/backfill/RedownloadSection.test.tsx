import { screen, waitFor } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";
import { answer, refuse, renderOps } from "../testing";
import { accepted, aConversation } from "../testing/runs";
import { parseLimit, RedownloadSection } from "./RedownloadSection";

const onStarted = vi.fn();
const show = (mayChoose = true) =>
  renderOps(<RedownloadSection identity={null} mayChoose={mayChoose} onStarted={onStarted} />);
const limit = () => screen.getByRole("textbox", { name: "Limit" });
const start = () => screen.getByRole("button", { name: "Redownload attachments" });

describe("Redownloading attachments", () => {
  test("sends the limit, of all conversations", async () => {
    const asked = answer("/ops/redownload/attachments", accepted(), { method: "post", status: 202 });
    const { user } = show();
    await user.clear(limit());
    await user.type(limit(), "1000");
    await user.click(start());
    await waitFor(() => expect(onStarted).toHaveBeenCalled());
    expect(asked[0]?.body).toEqual({ limit: 1000 });
  });

  test("sends one conversation where one is chosen; another choice replaces it", async () => {
    answer("/ops/conversations", {
      conversations: [aConversation(1, "ann"), aConversation(2, "bob")],
      next: null,
      previous: null,
    });
    const asked = answer("/ops/redownload/attachments", accepted(), { method: "post", status: 202 });
    const { user } = show();
    const field = screen.getByRole("combobox", { name: "Only this conversation (optional)" });
    await user.click(field);
    await user.click(await screen.findByRole("option", { name: /ann/ }));
    expect(screen.queryByRole("listbox")).toBeNull();
    await user.click(field);
    await user.click(await screen.findByRole("option", { name: /bob/ }));
    await user.click(start());
    await waitFor(() => expect(asked).toHaveLength(1));
    expect(asked[0]?.body).toEqual({ limit: 100, conversation_id: 2 });
  });

  test.each(["0", "1001", "-5", "ten", "", "1.5", "1e3"])(
    "refuses the limit “%s” with what is allowed",
    async (text) => {
      const { user } = show();
      await user.clear(limit());
      if (text !== "") await user.type(limit(), text);
      expect(limit()).toHaveAttribute("aria-invalid", "true");
      expect(limit()).toHaveAccessibleDescription(`The limit must be 1–1,000, not “${text}”.`);
      expect(start()).toHaveAttribute("aria-disabled", "true");
    },
  );

  test("shows the console’s sentence of a refusal", async () => {
    refuse("/ops/redownload/attachments", 503, "database_unreachable", "The database doesn’t answer.", {
      method: "post",
    });
    const { user } = show();
    await user.click(start());
    expect(await screen.findByRole("alert")).toHaveTextContent("The database doesn’t answer.");
  });

  test("offers no choice to somebody who may not see conversations", () => {
    show(false);
    expect(screen.queryByRole("combobox")).toBeNull();
    expect(start()).toBeInTheDocument();
  });

  test("reads a limit as the console would", () => {
    expect([parseLimit("1"), parseLimit(" 1000 "), parseLimit("9999")]).toEqual([1, 1000, null]);
  });
});
