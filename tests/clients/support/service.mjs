// The origin's Node.js service in small: it does "work" inside spans, logs it through
// winston-elasticsearch with the trace's id, and counts it with prom-client.

import http from "node:http";

import { context, trace } from "@opentelemetry/api";
import { JaegerExporter } from "@opentelemetry/exporter-jaeger";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as GrpcTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import prom from "prom-client";
import winston from "winston";
import { ElasticsearchTransport } from "winston-elasticsearch";

const resource = (name) => resourceFromAttributes({ "service.name": name, "service.version": "1.2.3" });

/** A page of prom-client metrics on a free port, to be scraped. */
export async function startMetricsPage() {
  const registry = new prom.Registry();
  prom.collectDefaultMetrics({ register: registry });
  const executions = new prom.Counter({
    name: "origin_tool_executions_total",
    help: "Tool executions",
    labelNames: ["tool_name", "status"],
    registers: [registry],
  });
  const seconds = new prom.Histogram({
    name: "origin_request_duration_seconds",
    help: "Request duration",
    buckets: [0.1, 0.5, 1],
    registers: [registry],
  });
  executions.inc({ tool_name: "list-scenarios", status: "success" }, 7);
  for (const value of [0.05, 0.3, 0.3, 4]) seconds.observe(value);
  const server = http.createServer(async (_request, response) => {
    response.setHeader("Content-Type", registry.contentType);
    response.end(await registry.metrics());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: server.address().port, stop: () => server.close() };
}

/** A tracer whose spans leave at once through `exporter`. */
function tracerOf(name, exporter) {
  const provider = new NodeTracerProvider({
    resource: resource(name),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  return provider;
}

/** The four ways in which the origin's service can send traces. */
export function traceExporters(appliance) {
  return {
    "jaeger-thrift": new JaegerExporter({ endpoint: `${appliance.http}/api/traces` }),
    "otlp-proto": new ProtoTraceExporter({ url: `${appliance.otlp_http}/v1/traces` }),
    "otlp-json": new JsonTraceExporter({ url: `${appliance.otlp_http}/v1/traces` }),
    "otlp-grpc": new GrpcTraceExporter({ url: appliance.otlp_grpc }),
  };
}

/** Does one piece of work: a parent span with a failing child. Returns the ids. */
export async function work(name, exporter) {
  const provider = tracerOf(name, exporter);
  const tracer = provider.getTracer("origin", "0.1.0");
  const parent = tracer.startSpan("run scenario", { attributes: { "http.status_code": 500 } });
  const child = tracer.startSpan("call make", {}, trace.setSpan(context.active(), parent));
  child.recordException(new Error("quota exceeded"));
  child.setStatus({ code: 2, message: "quota exceeded" });
  child.addEvent("retry", { attempt: 2 });
  child.end();
  parent.end();
  await provider.forceFlush();
  await provider.shutdown();
  return { traceId: parent.spanContext().traceId, spanId: child.spanContext().spanId };
}

/** Logs lines as the origin does, with the trace id in the document. */
export async function logThroughWinston(appliance, lines) {
  const transport = new ElasticsearchTransport({
    level: "debug",
    index: "fastmcp-logs",
    clientOpts: { node: appliance.http },
    flushInterval: 50,
  });
  transport.on("error", (error) => {
    throw error;
  });
  const logger = winston.createLogger({ level: "debug", transports: [transport] });
  for (const { level, message, ...meta } of lines) logger.log(level, message, meta);
  await transport.flush();
  logger.close();
}

/** Sends one counter, one gauge and one histogram over OTLP. */
export async function metricsOverOtlp(appliance) {
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ url: `${appliance.otlp_http}/v1/metrics` }),
    exportIntervalMillis: 3_600_000,
  });
  const provider = new MeterProvider({ resource: resource("origin-otlp"), readers: [reader] });
  const meter = provider.getMeter("origin");
  meter.createCounter("scenario.runs", { unit: "1" }).add(3, { outcome: "ok" });
  meter.createUpDownCounter("queue.size").add(5);
  const latency = meter.createHistogram("scenario.duration", { unit: "ms" });
  for (const value of [12, 340]) latency.record(value);
  await provider.forceFlush();
  await provider.shutdown();
}

/** Sends one log record over OTLP that belongs to `traceId`. */
export async function logOverOtlp(appliance, { traceId, spanId }) {
  const provider = new LoggerProvider({
    resource: resource("origin-otlp"),
    processors: [
      new SimpleLogRecordProcessor(new OTLPLogExporter({ url: `${appliance.otlp_http}/v1/logs` })),
    ],
  });
  const spanContext = trace.setSpanContext(context.active(), { traceId, spanId, traceFlags: 1 });
  provider.getLogger("origin").emit({
    severityNumber: 17,
    severityText: "ERROR",
    body: "otlp says quota exceeded",
    attributes: { "make.scenario.id": 42 },
    context: spanContext,
  });
  await provider.forceFlush();
  await provider.shutdown();
}
