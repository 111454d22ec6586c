// Runs Lighthouse with its desktop preset on a page, and prints for each run the scores and what didn't pass, as JSON.
// SESSION is the value of the cookie `session`, CHROMIUM the browser: node tests/lighthouse.mjs http://127.0.0.1:3000/ops 5
import { launch } from "chrome-launcher";
import lighthouse, { desktopConfig } from "lighthouse";

const [address, runs = "1"] = process.argv.slice(2);
const { SESSION = "", CHROMIUM } = process.env;

const chrome = await launch({
  chromePath: CHROMIUM,
  chromeFlags: ["--headless=new", "--disable-gpu", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
});
try {
  for (let run = 0; run < Number(runs); run += 1) {
    const result = await lighthouse(
      address,
      {
        port: chrome.port,
        logLevel: "error",
        onlyCategories: ["performance", "accessibility", "best-practices"],
        extraHeaders: { Cookie: `session=${SESSION}` },
        // A busy machine takes its time.
        maxWaitForLoad: 120_000,
      },
      desktopConfig,
    );
    const { categories, audits, finalDisplayedUrl, runtimeError } = result.lhr;
    const scores = Object.fromEntries(
      Object.values(categories).map(({ id, score }) => [id, score === null ? null : Math.round(score * 100)]),
    );
    const failed = Object.values(categories)
      .filter(({ id }) => id !== "performance")
      .flatMap(({ auditRefs }) => auditRefs)
      .filter(({ weight }) => weight > 0)
      .map(({ id }) => audits[id])
      .filter(({ score }) => score !== null && score < 1)
      .map(({ id, title, details }) => ({ id, title, items: details?.items?.slice(0, 5) }));
    process.stdout.write(`${JSON.stringify({ address: finalDisplayedUrl, scores, failed, runtimeError })}\n`);
  }
} finally {
  await chrome.kill();
}
