import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  esbuild: { jsx: "automatic" },
  resolve: {
    alias: {
      "@": here("./src"),
      // Next replaces this import itself; the package need not be there.
      "server-only": here("./src/components/ops/testing/nothing.ts"),
    },
  },
  test: {
    environment: "jsdom",
    environmentOptions: { jsdom: { url: "http://localhost:3000/ops" } },
    include: ["src/**/*.test.{ts,tsx}", "tests/**/*.test.ts"],
    setupFiles: ["./src/components/ops/testing/setup.ts"],
    // Loading jsdom, React and MSW anew for each file takes longer than the tests.
    pool: "threads",
    isolate: false,
    maxWorkers: 2,
    testTimeout: 60_000,
    restoreMocks: true,
    env: { TZ: "UTC" },
  },
});
