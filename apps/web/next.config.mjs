import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

// Next asks nobody before it sends statistics of its use.
process.env.NEXT_TELEMETRY_DISABLED ??= "1";

const here = path.dirname(fileURLToPath(import.meta.url));

// Two builds at once (a test's and a developer's) would overwrite each other, so each has a folder of its own.
const distDir = process.env.NEXT_DIST_DIR || ".next";

// Next writes the folder's name into the TypeScript configuration: into a copy, where it isn't the usual one.
let tsconfigPath = "tsconfig.json";
if (distDir !== ".next") {
  tsconfigPath = `.next.${path.basename(distDir)}.tsconfig.json`;
  const file = path.join(here, tsconfigPath);
  if (!fs.existsSync(file)) {
    const include = ["next-env.d.ts", "src", `${distDir}/types/**/*.ts`, `${distDir}/dev/types/**/*.ts`];
    const exclude = [
      "node_modules",
      "compat",
      "**/*.test.ts",
      "**/*.test.tsx",
      "**/testing/**",
      "**/fixtures.ts",
      "**/testPanel.tsx",
    ];
    fs.writeFileSync(file, JSON.stringify({ extends: "./tsconfig.json", include, exclude }, null, 2));
  }
}

/** @type {import("next").NextConfig} */
const config = {
  distDir,
  typescript: { tsconfigPath },
  poweredByHeader: false,
  reactStrictMode: true,
  images: { unoptimized: true },
  // Without a root, Next takes the topmost folder with a lock file for it.
  outputFileTracingRoot: here,
  turbopack: { root: here },
};

export default config;
