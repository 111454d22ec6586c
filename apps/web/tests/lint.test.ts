// @vitest-environment node
import { ESLint } from "eslint";
import { expect, test } from "vitest";

// All of this type-checks here, with React 19 and Next 16, and fails only when it runs on React 18 or is built by Next 14.
const FORBIDDEN = {
  use: `import { use } from "react"; export const useX = (p: Promise<1>) => use(p);`,
  "use of React's namespace": `import * as React from "react"; export const useX = (p: Promise<1>) => React.use(p);`,
  useActionState: `import { useActionState } from "react"; export const useX = () => useActionState(() => 1, 1);`,
  useOptimistic: `import { useOptimistic } from "react"; export const useX = () => useOptimistic(1);`,
  useEffectEvent: `import { useEffectEvent } from "react"; export const useX = () => useEffectEvent(() => 1);`,
  "a context as its provider": `import { createContext } from "react";
    const ThemeContext = createContext(1);
    export const X = () => <ThemeContext value={2}>x</ThemeContext>;`,
  "a ref as a prop": `import type { Ref } from "react";
    export function X({ ref }: { ref: Ref<HTMLInputElement> }) { return <input ref={ref} />; }`,
  "a ref without an argument": `import { useRef } from "react"; export const useX = () => useRef<number>();`,
  "a function as a form's action": `export const X = () => <form action={() => {}}>x</form>;`,
  "the global namespace JSX": `export const x: JSX.Element | null = null;`,
  "the global type PageProps": `export const x = (props: PageProps<"/ops">) => props;`,
  after: `import { after } from "next/server"; export const x = () => after(() => {});`,
};

const ALLOWED = `import { createContext, forwardRef, useRef, type ReactElement } from "react";
const ThemeContext = createContext(1);
export const X = forwardRef<HTMLInputElement, { name: string }>(function X({ name }, ref): ReactElement {
  const box = useRef<HTMLFormElement>(null);
  return (
    <ThemeContext.Provider value={2}>
      <form ref={box} action="/login" method="post">
        <input ref={ref} name={name} />
      </form>
    </ThemeContext.Provider>
  );
});`;

const eslint = new ESLint({ cwd: process.cwd() });
const PLACES = [
  "src/components/ops/jobs/X.tsx",
  "src/app/(authenticated)/ops/X.tsx",
  "src/app/api/core/ops/X.tsx",
];

async function complaints(code: string, filePath: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath });
  return (result?.messages ?? [])
    .filter(({ ruleId, fatal }) => fatal || /^no-restricted-/.test(ruleId ?? ""))
    .map(({ message }) => message);
}

test.each(Object.entries(FORBIDDEN))("lint forbids %s where files are copied from", async (_name, code) => {
  for (const place of PLACES) expect(await complaints(code, place), place).not.toEqual([]);
});

test("lint allows what both versions have", async () => {
  for (const place of PLACES) expect(await complaints(ALLOWED, place)).toEqual([]);
});

test("lint minds the length of modules", async () => {
  const [result] = await eslint.lintText("export const x = 1;\n".repeat(1).concat("// x\n".repeat(200)), {
    filePath: PLACES[0],
  });
  expect(result?.messages.map(({ ruleId }) => ruleId)).toContain("max-lines");
});
