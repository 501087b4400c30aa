// The requests of Grafana's Prometheus data source, as its server side writes them: Go's HTTP client and form
// encoding, POST with a form by default, GET where POST is refused. Read from its versions 11 and 12.

import { request } from "node:http";
import { gunzipSync } from "node:zlib";

/** Encodes parameters as Go does: by name, spaces as `+`, everything but letters, digits and `-_.~` escaped. */
export function goForm(parameters) {
  const escape = (text) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`).replaceAll("%20", "+");
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [value].flat().map((one) => [name, String(one)]));
  pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return pairs.map(([name, value]) => `${escape(name)}=${escape(value)}`).join("&");
}

/** Sends one request as it stands and returns status, headers and the body, unpacked. */
export function send(base, method, path, body) {
  const headers = { "User-Agent": "Grafana/12.2.0", "Accept-Encoding": "gzip" };
  if (method === "POST") Object.assign(headers, { "Content-Type": "application/x-www-form-urlencoded", "Content-Length": Buffer.byteLength(body ?? "") });
  return new Promise((resolve, reject) => {
    const sent = request(`${base}${path}`, { method, headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const bytes = Buffer.concat(chunks);
        const text = (response.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes).toString();
        resolve({ status: response.statusCode, type: response.headers["content-type"] ?? "", text, json: () => JSON.parse(text) });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** A query of a panel or an alert: the method that is configured, and no other. */
export async function query(base, path, parameters) {
  return send(base, "POST", path, goForm(parameters));
}

/** A question of the editor: POST first, unless the path is known for GET; on 405 or 400 once more by GET. Returns the answer and the methods. */
export async function resource(base, path, parameters = {}, { inAddress = false } = {}) {
  const form = goForm(parameters);
  const byAddress = form === "" ? path : `${path}?${form}`;
  if (/^\/api\/v1\/(label\/|metadata)/.test(path) && !inAddress) return { ...(await send(base, "GET", byAddress)), methods: ["GET"] };
  const posted = await (inAddress ? send(base, "POST", byAddress, "") : send(base, "POST", path, form));
  if (![400, 405].includes(posted.status)) return { ...posted, methods: ["POST"] };
  return { ...(await send(base, "GET", byAddress)), methods: ["POST", "GET"] };
}
