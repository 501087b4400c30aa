"""Questions about series and labels, and PromQL whose answers are compared, over a fleet of node exporters."""

import json
import math
import statistics
import time
import urllib.parse

# name: (path, matchers)
QUESTIONS = {
    "label names": ("labels", []),
    "values of instance": ("label/instance/values", []),
    "values of __name__": ("label/__name__/values", []),
    "values of device, matched": ("label/device/values", ['node_network_receive_bytes_total{job="node"}']),
    "series of one instance": ("series", ['{instance="10.0.0.3:9100"}']),
    "series by name": ("series", ["node_cpu_seconds_total"]),
    "series by regex": ("series", ['{__name__=~"node_(network|disk)_.*_bytes_total"}']),
    "series by prefix": ("series", ['node_cpu_seconds_total{instance=~"10.0.0.1.*"}']),
    "series by negation": ("series", ['node_cpu_seconds_total{mode!="idle",cpu!~"0"}']),
}

INSTANT = [
    'count({job="node"})',
    "sum by (mode) (node_cpu_seconds_total)",
    "sum by (instance) (rate(node_cpu_seconds_total[5m]))",
    "max by (instance) (node_memory_MemFree_bytes)",
    "count by (__name__) ({__name__=~\"node_network_.*\"})",
    'avg_over_time(node_load1[1h])',
    "sum(increase(node_context_switches_total[1h]))",
    "quantile(0.9, node_memory_Active_bytes)",
    "topk(3, node_load1)",
    'node_cpu_seconds_total{instance="10.0.0.2:9100"}',
]

RANGE = [
    "sum(rate(node_cpu_seconds_total[5m]))",
    "sum by (mode) (rate(node_cpu_seconds_total[5m]))",
    "avg by (instance) (node_memory_MemFree_bytes)",
    'node_load1{instance="10.0.0.1:9100"}',
    "sum(irate(node_network_receive_bytes_total[2m]))",
]


def url(path, matchers, start, end):
    return f"/api/v1/{path}?" + urllib.parse.urlencode({"match[]": matchers, "start": start, "end": end}, doseq=True)


def timed(peer, start, end, rounds):
    """Returns of every question its median seconds and how many things were answered."""
    found = {}
    for name, (path, matchers) in QUESTIONS.items():
        at, times = url(path, matchers, start, end), []
        count = len(peer.ask(path, **{"match[]": matchers, "start": start, "end": end}))
        for _ in range(rounds):
            begin = time.perf_counter()
            peer.get(at)
            times.append(time.perf_counter() - begin)
        found[name] = (statistics.median(times), count)
    return found


def answers(peer, start, end):
    """Returns the answers to all PromQL as {query: {labels as JSON: [[time, value], …]}}."""
    found = {}
    for query in INSTANT:
        for back in (0, 1800):
            found[f"{query} @ -{back}"] = points(peer.ask("query", query=query, time=end - back))
    for query in RANGE:
        begin = max(start, end - 3 * 3600)
        found[f"{query} by 60 s"] = points(peer.ask("query_range", query=query, start=begin, end=end, step=60))
    return found


def points(data):
    made = {}
    for one in data["result"]:
        pairs = one.get("values") or [one["value"]]
        made[json.dumps(one["metric"], sort_keys=True)] = [[at, float(value)] for at, value in pairs]
    return made


def differences(own, other):
    """Returns a line for every query whose answers differ by more than 1e-9 of their size."""
    lines, compared = [], 0
    for query, left in own.items():
        right = other[query]
        compared += sum(len(values) for values in left.values())
        if left.keys() != right.keys():
            lines.append(f"{query}: {len(left)} and {len(right)} series, {len(left.keys() ^ right.keys())} of one side only")
            continue
        off = [key for key in left if not close(left[key], right[key])]
        if off:
            lines.append(f"{query}: {len(off)} of {len(left)} series differ, first {off[0]}: {left[off[0]][:2]} and {right[off[0]][:2]}")
    return lines, compared


def close(left, right):
    if [at for at, _ in left] != [at for at, _ in right]:
        return False
    return all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) or a != a and b != b for (_, a), (_, b) in zip(left, right))
