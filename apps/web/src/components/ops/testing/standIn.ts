import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach } from "vitest";

// For tests of the server's side: a console that answers what a test says, over a real connection.

export type Received = { method: string; url: string; headers: http.IncomingHttpHeaders; body: string };
export type Respond = (request: http.IncomingMessage, response: http.ServerResponse, body: string) => void;

export const json =
  (body: unknown, status = 200, headers: http.OutgoingHttpHeaders = {}): Respond =>
  (_request, response) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };

/** A server on a port of its own for each test. `CORE_API_URL` is its address. */
export function withStandIn() {
  const standIn = {
    received: [] as Received[],
    url: "",
    respond: json({ ok: true }) as Respond,
    /** Called as soon as a request is there. */
    onRequest: () => {},
  };
  let server: http.Server;

  beforeEach(async () => {
    standIn.received.length = 0;
    standIn.respond = json({ ok: true });
    standIn.onRequest = () => {};
    server = http.createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        const { method = "", url = "", headers } = request;
        standIn.received.push({ method, url, headers, body });
        standIn.onRequest();
        standIn.respond(request, response, body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    standIn.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    process.env.CORE_API_URL = standIn.url;
    delete process.env.OPS_API_URL;
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
    delete process.env.CORE_API_URL;
    delete process.env.OPS_API_URL;
  });

  return standIn;
}

type Sent = { method?: string; headers?: Record<string, string>; body?: BodyInit; signal?: AbortSignal };

/** A browser's request to the front end's server, with a session. */
export function browserRequest(
  address: string,
  { method = "GET", headers = {}, body, signal }: Sent = {},
): Request {
  const own = method === "GET" ? {} : { Origin: "https://front.example" };
  return new Request(`http://front.example/api/core${address}`, {
    method,
    headers: { Cookie: "session=abc-123", Host: "front.example", ...own, ...headers },
    body,
    signal,
    ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
  } as RequestInit);
}

export const params = (values: Record<string, string> = {}) => ({ params: Promise.resolve(values) });
