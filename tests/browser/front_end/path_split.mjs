// One base address for two servers, as a reverse proxy splits it: /ops/ and /conversations/sync go to the console,
// all else to the core, in whose place this answers with 404 and the path. Prints its port.
//
// Environment: CONSOLE (the console's address).

import http from "node:http";

const IS_CONSOLE = /^\/(ops|conversations\/sync)(?=[/?]|$)/;

const server = http.createServer((request, response) => {
  if (!IS_CONSOLE.test(request.url)) {
    response.writeHead(404, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ core: request.url }));
    return;
  }
  // The headers stay as they are, Host among them.
  const { method, headers, url } = request;
  const onward = http.request(new URL(url, process.env.CONSOLE), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.writeHead(502).end());
  request.pipe(onward);
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
