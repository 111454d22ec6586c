import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const own = path.join(here, "node_modules") + path.sep;

/** Node looks for packages in the folders above too, where the other version's are: with those, a green build proves nothing. */
const onlyOwnPackages = {
  apply(compiler) {
    compiler.hooks.afterCompile.tap("OnlyOwnPackages", (compilation) => {
      for (const { resource } of compilation.modules) {
        if (resource?.includes(`${path.sep}node_modules${path.sep}`) && !resource.startsWith(own)) {
          compilation.errors.push(new Error(`Not a package of this application: ${resource}`));
        }
      }
    });
  },
};

/** @type {import("next").NextConfig} */
const config = {
  poweredByHeader: false,
  reactStrictMode: true,
  images: { unoptimized: true },
  // The sources are linted where they come from.
  eslint: { ignoreDuringBuilds: true },
  experimental: { outputFileTracingRoot: here },
  webpack: (webpackConfig) => {
    webpackConfig.plugins.push(onlyOwnPackages);
    return webpackConfig;
  },
};

export default config;
