// @vitest-environment node
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

function filesOf(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const file = path.join(folder, name);
    return statSync(file).isDirectory() ? filesOf(file) : [file];
  });
}

const COPIED = ["src/app/(authenticated)/ops", "src/app/api/core", "src/components/ops"];
// What the README's command leaves behind.
const SUPPORT = /\.test\.tsx?$|\/fixtures\.ts$|\/testPanel\.tsx$|\/testing\//;
const all = COPIED.flatMap(filesOf);
const copied = all.filter((file) => !SUPPORT.test(file));

test("only the two trees of the Ops page are among the routes to be copied, so that copying can't overwrite another's", () => {
  const strays = filesOf("src/app/api/core").filter(
    (file) => !/^src\/app\/api\/core\/(ops|conversations\/sync)\//.test(file),
  );
  expect(strays).toEqual([]);
});

test("no folder to be copied has a name that the application's repository ignores", () => {
  const ignored = copied.filter((file) => /\/(lib|build|dist|parts|var)\//.test(file));
  expect(ignored).toEqual([]);
});

test("what is copied imports only what is copied with it, the primitives and declared packages", () => {
  const { dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
    dependencies: Record<string, string>;
  };
  const allowed = new Set([...Object.keys(dependencies), "server-only"]);
  const strays = copied
    .filter((file) => /\.tsx?$/.test(file))
    .flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(/(?:from|import)\s*\(?"([^"]+)"/g)].map(
        ([, name = ""]) => [file, name] as const,
      ),
    )
    .filter(([, name]) => {
      if (name.startsWith(".")) return false;
      if (name.startsWith("@/"))
        return !/^@\/(components\/ui\/[\w-]+|lib\/utils|components\/ops\/)/.test(name);
      const [scope = "", rest = ""] = name.split("/");
      return (
        !allowed.has(scope.startsWith("@") ? `${scope}/${rest}` : scope) || scope.startsWith("@radix-ui")
      );
    });
  expect(strays).toEqual([]);
});

test("no copied file imports one that the README's command leaves behind, and the command names each kind of those", () => {
  const needy = copied.filter((file) =>
    /from "[^"]*(\/testing|\/fixtures|\/testPanel)[/"]/.test(readFileSync(file, "utf8")),
  );
  expect(needy).toEqual([]);
  const readme = readFileSync("README.md", "utf8");
  for (const pattern of [
    "*.test.ts",
    "*.test.tsx",
    "fixtures.ts",
    "testPanel.tsx",
    "src/components/ops/testing",
  ]) {
    expect(readme).toContain(`--exclude='${pattern}'`);
  }
});

test("each route handler is generated per request, on Node.js, by the forwarder, for the path that its folder names", () => {
  for (const file of filesOf("src/app/api/core")) {
    const text = readFileSync(file, "utf8");
    expect(text, file).toContain('export const dynamic = "force-dynamic";');
    expect(text, file).toContain('export const runtime = "nodejs";');
    const templates = [...text.matchAll(/forward\("([^"]+)"\)/g)].map(([, template]) => template);
    expect(new Set(templates), file).toEqual(new Set([path.dirname(file).replace("src/app/api/core", "")]));
  }
});
