// @vitest-environment node
import { expect, test } from "vitest";
import { forward } from "./forward";
import { browserRequest, params, withStandIn } from "../testing/standIn";

const console = withStandIn();
const retry = forward("/ops/jobs/[jobId]/retry");

// A browser's Request would drop these two headers, so they are set on the object.
function change(headers: Record<string, string>, method = "POST"): Request {
  const request = new Request("http://front.example/api/core/ops/jobs/7/retry", { method });
  const all = new Headers({ Cookie: "session=abc", ...headers });
  return new Proxy(request, {
    get: (target, name) => {
      if (name === "headers") return all;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

const sent = (headers: Record<string, string>, method?: string) =>
  retry(change(headers, method), params({ jobId: "7" }));

test.each([
  ["the same host", { Host: "front.example", Origin: "http://front.example" }],
  [
    "the same host, with TLS that ended before us",
    { Host: "front.example", Origin: "https://front.example" },
  ],
  ["the same host and port", { Host: "127.0.0.1:3000", Origin: "http://127.0.0.1:3000" }],
  ["the scheme's own port, spelled out", { Host: "front.example:443", Origin: "https://front.example" }],
  ["no Origin, but the browser says same-origin", { Host: "front.example", "Sec-Fetch-Site": "same-origin" }],
])("a change is let through from %s", async (_name, headers) => {
  expect((await sent(headers)).status).toBe(200);
  expect(console.received).toHaveLength(1);
});

test.each([
  ["another host", { Host: "front.example", Origin: "https://elsewhere.example" }],
  ["another port", { Host: "front.example:3000", Origin: "http://front.example:3001" }],
  ["a subdomain", { Host: "front.example", Origin: "https://evil.front.example" }],
  ["a host that begins alike", { Host: "front.example", Origin: "https://front.example.evil.example" }],
  ["a page without an origin", { Host: "front.example", Origin: "null" }],
  ["an Origin that can be none", { Host: "front.example", Origin: "front.example" }],
  [
    "another host, whatever else the browser says",
    { Host: "front.example", Origin: "https://elsewhere.example", "Sec-Fetch-Site": "same-origin" },
  ],
  ["the same site but another origin", { Host: "front.example", "Sec-Fetch-Site": "same-site" }],
  ["another site", { Host: "front.example", "Sec-Fetch-Site": "cross-site" }],
  ["the address bar", { Host: "front.example", "Sec-Fetch-Site": "none" }],
  ["nobody knows where", { Host: "front.example" }],
  ["a request without a Host", { Origin: "https://front.example" }],
])("a change is refused from %s, without a call", async (_name, headers) => {
  for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
    const answer = await sent(headers, method);
    expect(answer.status).toBe(403);
    expect(await answer.json()).toEqual({
      detail: "This request came from another site.",
      code: "cross_site",
    });
  }
  expect(console.received).toEqual([]);
});

test("reading is allowed from anywhere, since no other site can see the answer", async () => {
  const read = forward("/ops/jobs");
  const request = browserRequest("/ops/jobs", { headers: { Origin: "https://elsewhere.example" } });
  expect((await read(request, params())).status).toBe(200);
});
