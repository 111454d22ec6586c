// @vitest-environment node
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { description, mustBeDescribed } from "@/components/ops/testing/description";

type Recording = { request: { method: string; path: string }; status: number; body: unknown };

const FOLDER = path.resolve("tests/recorded");

/** The path as the description has it: of those that fit, the one with the fewest parameters. */
function templateOf(address: string): string {
  const [pathname = ""] = address.split("?");
  const fits = Object.keys(description.paths).filter((template) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(pathname),
  );
  return fits.sort((a, b) => a.split("{").length - b.split("{").length)[0] ?? pathname;
}

test.each(readdirSync(FOLDER).filter((name) => name.endsWith(".json")))(
  "%s is an answer that the API describes",
  (name) => {
    const { request, status, body } = JSON.parse(readFileSync(path.join(FOLDER, name), "utf8")) as Recording;
    expect(() =>
      mustBeDescribed(request.method.toLowerCase(), templateOf(request.path), status, body),
    ).not.toThrow();
  },
);
