import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));

/** @type {import("next").NextConfig} */
const config = {
    // Two builds at once (a test's and a developer's) would overwrite each other.
    distDir: process.env.NEXT_DIST_DIR || ".next",
    poweredByHeader: false,
    reactStrictMode: true,
    images: { unoptimized: true },
    // Without a root, Next takes the topmost folder with a lock file for it.
    outputFileTracingRoot: here,
    turbopack: { root: here },
};

export default config;
