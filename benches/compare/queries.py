"""Compares range queries of this appliance with a Prometheus, and a VictoriaMetrics, on the same data.

    queries.py --prometheus PROMETHEUS --belvedere BELVEDERE [--victoria VICTORIA] [--series 1000] [--hours 24] [--rounds 5]

Loads node-exporter-like series by remote write into all, then asks the ten most common shapes of
dashboards one at a time and under eight clients. Figures are wall times as one client sees them, and the
processor time of the servers; ratios are what counts on a noisy machine.
"""

import argparse
import concurrent.futures
import statistics
import sys
import time
import urllib.parse
import urllib.request

import load
import servers

SHAPES = {
    "sum of rates": "sum(rate(node_network_bytes_total[5m]))",
    "rates by instance": "sum by (instance) (rate(node_cpu_seconds_total[5m]))",
    "rates of one host": 'rate(node_network_bytes_total{instance="host-0003:9100"}[5m])',
    "quantile of buckets": "histogram_quantile(0.95, sum by (le) (rate(request_seconds_bucket[5m])))",
    "gauges of one host": 'node_memory_bytes{instance="host-0001:9100"}',
    "max by instance": "max by (instance) (node_memory_bytes)",
    "average over an hour": "avg_over_time(node_memory_bytes[1h])",
    "share": "sum(node_memory_bytes) by (instance) / count(node_memory_bytes) by (instance)",
    "top ten": "topk(10, rate(node_network_bytes_total[5m]))",
    "increase over an hour": "sum(increase(node_cpu_seconds_total[1h]))",
}


def ask(server, query, start, end, step):
    body = urllib.parse.urlencode({"query": query, "start": start, "end": end, "step": step, "nocache": "1"}).encode()
    begin = time.perf_counter()
    with urllib.request.urlopen(f"{server.url}/api/v1/query_range", body, timeout=300) as answer:
        size = len(answer.read())
    return time.perf_counter() - begin, size


def alone(server, query, window, rounds):
    """Returns the median wall time and the processor time of one query, asked before."""
    ask(server, query, *window)
    before = load.cpu_seconds(server.process.pid)
    times = [ask(server, query, *window)[0] for _ in range(rounds)]
    return statistics.median(times), (load.cpu_seconds(server.process.pid) - before) / rounds


def together(server, window, seconds=10):
    """Returns p50 and p99 of all shapes in turn under eight clients."""
    deadline, found = time.perf_counter() + seconds, []

    def client(number):
        shapes = list(SHAPES.values())
        while time.perf_counter() < deadline:
            number += 1
            found.append(ask(server, shapes[number % len(shapes)], *window)[0])

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))
    cuts = statistics.quantiles(found, n=100)
    return cuts[49], cuts[98], len(found)


def line(name, peers, times):
    own = next(spent for peer, spent in zip(peers, times) if peer.name == "belvedere")
    shares = [own / spent for peer, spent in zip(peers, times) if peer.name != "belvedere"]
    return f"{name:<24}" + "".join(f"{spent * 1e3:15.1f}" for spent in times) + " " * 10 + "".join(f"{share:14.2f}" for share in shares)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prometheus", required=True)
    parser.add_argument("--belvedere", required=True)
    parser.add_argument("--victoria")
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    peers = [servers.prometheus(arguments.prometheus), servers.appliance(arguments.belvedere)]
    if arguments.victoria:
        peers.append(servers.victoria(arguments.victoria))
    try:
        end = int(time.time()) // 60 * 60
        start = end - arguments.hours * 3600
        fill(peers, arguments.series, start * 1000, end * 1000)
        compare(peers, start, end, arguments.rounds)
    finally:
        for peer in peers:
            peer.stop()


def fill(peers, count, start, end):
    written, spent = 0, [0.0 for _ in peers]
    for samples, body in load.bodies(count, start, end):
        written += samples
        for place, peer in enumerate(peers):
            before = load.cpu_seconds(peer.process.pid)
            load.post(f"{peer.url}/api/v1/write", body)
            spent[place] += load.cpu_seconds(peer.process.pid) - before
    for place, peer in enumerate(peers):
        nanos = spent[place] / written * 1e9
        print(f"{peer.name}: {written} samples written, {nanos:.0f} ns CPU each, RssAnon {load.anonymous_mb(peer.process.pid):.0f} MB")


def compare(peers, start, end, rounds):
    windows = {"1 h": (end - 3600, end - 60, 15), "24 h": (start + 300, end - 60, 60)}
    ratios = "".join(f"{'of ' + peer.name:>14}" for peer in peers if peer.name != "belvedere")
    for title, window in windows.items():
        print(f"\n{title:<24}" + "".join(f"{peer.name:>12} ms" for peer in peers) + f"   ours is{ratios}")
        total = [0.0] * len(peers)
        for name, query in SHAPES.items():
            times = [alone(peer, query, window, rounds)[0] for peer in peers]
            total = [known + more for known, more in zip(total, times)]
            print(line(name, peers, times))
        print(line("all", peers, total))
    for peer in peers:
        p50, p99, count = together(peer, windows["24 h"])
        memory = load.anonymous_mb(peer.process.pid)
        print(f"{peer.name}: 8 clients over 24 h: {count} answers, p50 {p50 * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms, RssAnon {memory:.0f} MB")


if __name__ == "__main__":
    sys.exit(main())
