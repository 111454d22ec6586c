import { afterAll, afterEach, beforeAll, vi } from "vitest";

// Vitest moves these to the top of the module, so each loads what it needs by itself.
vi.mock("next/navigation", async () => (await import("./navigation")).navigation);
vi.mock("next/dynamic", async () => await import("./dynamic"));

// Node's own environment has no page; tests of the server's side run there.
if (typeof window !== "undefined") {
  const { server } = await import("./server");
  const { cleanup, configure } = await import("@testing-library/react");
  await import("@testing-library/jest-dom/vitest");
  const { forgetSearch } = await import("./navigation");

  // A busy machine takes seconds for a query by role; what never comes still fails.
  configure({ asyncUtilTimeout: 15_000 });

  const { rememberStyles } = await import("./styles");
  rememberStyles();

  // Radix asks for what jsdom lacks.
  Element.prototype.scrollIntoView = () => {};
  Element.prototype.hasPointerCapture = () => false;
  Element.prototype.releasePointerCapture = () => {};
  globalThis.ResizeObserver = class {
    observe() {}
    unobserve() {}
    disconnect() {}
  };

  beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
  afterEach(() => {
    cleanup();
    server.resetHandlers();
    forgetSearch();
  });
  afterAll(() => server.close());
}
