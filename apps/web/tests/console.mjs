// Calls of a real console for record.mjs, as the front end's server makes them.

import path from "node:path";

export const { CONSOLE, OPERATOR, VIEWER, HIDE = "" } = process.env;
if (!CONSOLE || !OPERATOR || !VIEWER) throw new Error("Set CONSOLE, OPERATOR and VIEWER.");

export async function call(method, address, { body, session = OPERATOR, key } = {}) {
  const headers = { Accept: "application/json" };
  if (session) headers.Cookie = `session=${session}`;
  if (key) headers["Idempotency-Key"] = key;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(CONSOLE + address, {
    method,
    headers,
    body: body && JSON.stringify(body),
    redirect: "manual",
  });
  let text = await answer.text();
  for (const hidden of HIDE.split(":").filter(Boolean))
    text = text.replaceAll(hidden, path.posix.join("/srv", path.basename(hidden)));
  return {
    request: {
      method,
      path: address,
      ...(body === undefined || JSON.stringify(body).length > 10_000 ? {} : { body }),
    },
    status: answer.status,
    body: JSON.parse(text),
  };
}

export const get = (address, options) => call("GET", address, options);
export const post = (address, body, options = {}) => call("POST", address, { body, ...options });
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until an answer is as it should be. */
export async function until(ask, isReached) {
  for (let tries = 0; tries < 150; tries += 1) {
    const answer = await ask();
    if (isReached(answer.body)) return answer;
    await wait(200);
  }
  throw new Error("That never came.");
}
