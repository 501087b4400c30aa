// Sends what a test needs over OTLP/HTTP in JSON.

const nano = (ms) => `${Math.round(ms)}000000`;
const attribute = (key, value) => ({ key, value: { stringValue: value } });
const resource = (service) => ({ attributes: [attribute("service.name", service)] });

async function post(appliance, path, body) {
  const response = await fetch(`${appliance.http}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

/** Sends lines `[ms, text]` of a service. */
export const sendLogs = (appliance, service, lines, severityNumber = 9) =>
  post(appliance, "/v1/logs", {
    resourceLogs: [
      {
        resource: resource(service),
        scopeLogs: [
          { logRecords: lines.map(([at, text]) => ({ timeUnixNano: nano(at), severityNumber, body: { stringValue: text } })) },
        ],
      },
    ],
  });

/** Sends one trace of `count` spans: a root and rows of children, ten deep. */
export async function sendTrace(appliance, service, traceId, count, end = Date.now()) {
  const id = (index) => (index + 1).toString(16).padStart(16, "0");
  const begin = end - count;
  const spans = Array.from({ length: count }, (_, index) => ({
    traceId,
    spanId: id(index),
    parentSpanId: index === 0 ? "" : id(index % 10 === 1 ? 0 : index - 1),
    name: index === 0 ? "import catalogue" : `step ${index}`,
    kind: 1,
    startTimeUnixNano: nano(begin + index),
    endTimeUnixNano: nano(index === 0 ? end : Math.min(end, begin + index + 40)),
    status: index % 997 === 996 ? { code: 2, message: "broken" } : {},
  }));
  for (let at = 0; at < count; at += 2_000) {
    const part = spans.slice(at, at + 2_000);
    await post(appliance, "/v1/traces", { resourceSpans: [{ resource: resource(service), scopeSpans: [{ spans: part }] }] });
  }
}

/** Sends `series` gauges of one family, each with a value at every second of the last `seconds`. */
export async function sendSeries(appliance, name, series, seconds, end = Date.now()) {
  for (let one = 0; one < series; one += 1) {
    const dataPoints = Array.from({ length: seconds }, (_, at) => ({
      timeUnixNano: nano(end - (seconds - at) * 1_000),
      asDouble: one * 5 + Math.sin((at + one * 40) / 60) * 4,
      attributes: [attribute("lane", String(one))],
    }));
    const metrics = [{ name, gauge: { dataPoints } }];
    await post(appliance, "/v1/metrics", { resourceMetrics: [{ resource: resource("bench"), scopeMetrics: [{ metrics }] }] });
  }
}
