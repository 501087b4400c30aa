// A Make.com that never was: pages, refuses, fails and dawdles on demand. It keeps what it was asked.

import { createServer } from "node:http";

export const TOKEN = "12345678-1234-1234-1234-123456789abc";
const SCENARIOS = 250;

/** Scenario ids that behave unlike the others. */
export const ids = { limited: 901, broken: 902, slow: 903, forbidden: 904, absent: 905 };

const scenario = (id) => ({ id, name: `scenario ${id} \u001b[31m`, isActive: id % 2 === 0, teamId: 7 });

/** Starts the server on a free loopback port. */
export async function startMake() {
  const asked = [];
  let refusals = 0;
  const routes = [
    [/^GET \/api\/v2\/scenarios\?/, (url) => {
      const offset = Number(url.searchParams.get("pg[offset]"));
      const limit = Math.min(Number(url.searchParams.get("pg[limit]")), 100);
      const page = Array.from({ length: Math.max(0, Math.min(limit, SCENARIOS - offset)) });
      return [200, { scenarios: page.map((_, index) => scenario(offset + index + 1)) }];
    }],
    [/^GET \/api\/v2\/scenarios\/(\d+)$/, (_, id) => {
      if (id === ids.limited && refusals++ === 0) return [429, { message: "slow down" }, { "Retry-After": "1" }];
      if (id === ids.broken) return [500, { message: "oh no" }];
      if (id === ids.forbidden) return [403, { message: "Permission denied", suberrors: [{ message: "scenarios:read" }] }];
      if (id === ids.absent) return [404, { message: "Not found" }];
      return [200, { scenario: scenario(id) }, {}, id === ids.slow ? 1500 : 0];
    }],
    [/^POST \/api\/v2\/scenarios\/(\d+)\/run$/, (_, id, body) =>
      [200, { executionId: `e-${id}`, status: "1", outputs: { echoed: body.data } }]],
  ];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url, "http://make.test");
    const line = `${request.method} ${decodeURIComponent(request.url)}`;
    asked.push({ line, headers: request.headers });
    let answer = [404, { message: "no such route" }];
    if (request.headers.authorization !== `Token ${TOKEN}`) {
      answer = [401, { message: "Access denied" }];
    } else {
      for (const [pattern, handler] of routes) {
        const match = line.match(pattern);
        if (match) answer = handler(url, Number(match[1]), chunks.length ? JSON.parse(Buffer.concat(chunks)) : {});
      }
    }
    const [status, json, headers = {}, delay = 0] = answer;
    setTimeout(() => {
      response.writeHead(status, { "Content-Type": "application/json", ...headers });
      response.end(JSON.stringify(json));
    }, delay);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/api/v2`,
    asked,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
