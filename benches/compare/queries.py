"""Compares range queries with Prometheus and VictoriaMetrics on the same data, all three beside each other.

    queries.py --belvedere BINARY [--peers DIRECTORY] [--recording FILE] [--dashboard FILE] [--series 1000] [--hours 24]

The peers and the dashboard (node-exporter-full, as it is published) come from `peers.sh`, the recording from
`record.py`; a histogram of requests is added to each target, since a node exporter has none. `feed` gives everyone the
same bytes. Then, over the last hour (a step of 15 s) and over everything (60 s): ten common shapes of dashboards, a
question after the other and the peers in turn, so that a noisy machine is noisy for all; every query of the dashboard;
and last all shapes under eight clients.

Figures are wall times as one client with a lasting connection sees them, bodies compressed as Grafana asks for; answers
are compared with Prometheus' value by value. No peer may answer from a cache of results, except in the last part, which
is what a page does that is reloaded every few seconds. Ratios are what counts.
"""

import argparse
import gzip
import itertools
import json
import math
import random
import re
import socket
import statistics
import sys
import tempfile
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ingest
import peers

ONE = 'instance="10.0.0.1:9100"'
SHAPES = {
    "sum of rates": "sum(rate(node_network_receive_bytes_total[5m]))",
    "rates by instance": "sum by (instance) (rate(node_cpu_seconds_total[5m]))",
    "rates of one host": f"rate(node_network_receive_bytes_total{{{ONE}}}[5m])",
    "quantile of buckets": "histogram_quantile(0.95, sum by (le) (rate(request_seconds_bucket[5m])))",
    "gauges of one host": f'{{__name__=~"node_memory_.*_bytes",{ONE}}}',
    "largest by instance": "max by (instance) (node_filesystem_size_bytes)",
    "average over an hour": "avg_over_time(node_load1[1h])",
    "share": "1 - sum by (instance) (node_memory_MemAvailable_bytes) / sum by (instance) (node_memory_MemTotal_bytes)",
    "top ten": "topk(10, rate(node_network_transmit_packets_total[5m]))",
    "increase over an hour": "sum(increase(node_cpu_seconds_total[1h]))",
}
# What PRODUCT asks of one query besides: every series there is, over everything.
ALL = {"all series": 'sum by (instance) ({job="node"})'}
BOUNDS = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"]


def with_buckets(recording, folder):
    """Returns the recording with a histogram in every scrape."""
    rng, counts = random.Random(1), [0] * len(BOUNDS)
    made = Path(folder) / "recording.gz"
    with gzip.open(recording, "rt") as source, gzip.open(made, "wt", compresslevel=1) as target:
        for line in source:
            if line.startswith("node_load1 "):
                counts = [known + rng.randrange(40) for known in counts]
                sums = itertools.accumulate(counts)
                target.writelines(f'request_seconds_bucket{{le="{bound}"}} {total}\n' for bound, total in zip(BOUNDS, sums))
            target.write(line)
    return str(made)


class Client:
    """A lasting connection to a peer, as thin as can be: what a client costs is nobody's merit."""

    def __init__(self, peer):
        self.socket = socket.create_connection(("127.0.0.1", peer.port), timeout=300)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, query, window, cache=False):
        """Returns seconds and the answer's body."""
        start, end, step = window
        form = {"query": query, "start": start, "end": end, "step": step} | ({} if cache else {"nocache": "1"})
        body = urllib.parse.urlencode(form).encode()
        head = "POST /api/v1/query_range HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n"
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        begin = time.perf_counter()
        self.socket.sendall(head.encode() + body)
        raw, whole = bytearray(), None
        while whole is None:
            raw += self.socket.recv(1 << 20) or sys.exit("the connection was closed")
            whole = end_of(raw)
        spent = time.perf_counter() - begin
        head, raw = whole
        if b"content-encoding: gzip" in head:
            raw = gzip.decompress(raw)
        if b" 200 " not in head.split(b"\r\n", 1)[0] + b" ":
            raise RuntimeError(f"{query}: {raw[:300]}")
        return spent, raw


def end_of(raw):
    """Returns head and body of an answer that has ended, else nothing."""
    split = raw.find(b"\r\n\r\n")
    if split < 0:
        return None
    head, body = bytes(raw[:split]).lower(), raw[split + 4 :]
    length = re.search(rb"content-length: (\d+)", head)
    if length:
        return (head, bytes(body)) if len(body) >= int(length[1]) else None
    if not body.endswith(b"0\r\n\r\n"):
        return None
    whole, at = bytearray(), 0
    while True:
        stop = body.find(b"\r\n", at)
        size = int(body[at:stop] or b"0", 16) if stop >= 0 else None
        if size is None or len(body) < stop + 2 + size + 2:
            return None
        if size == 0:
            return head, bytes(whole)
        whole += body[stop + 2 : stop + 2 + size]
        at = stop + 2 + size + 2


def points(raw):
    data = json.loads(raw)["data"]
    return {json.dumps(one["metric"], sort_keys=True): [(at, float(value)) for at, value in one["values"]] for one in data["result"]}


def close(own, other):
    if own.keys() != other.keys():
        return f"{len(own)} and {len(other)} series"
    for key, left in own.items():
        right = other[key]
        if [at for at, _ in left] != [at for at, _ in right]:
            return f"{key}: {len(left)} and {len(right)} points"
        for (at, a), (_, b) in zip(left, right):
            if not (math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) or (a != a and b != b)):
                return f"{key} at {at}: {a!r} and {b!r}"
    return None


def compare(found, questions, windows, rounds):
    """Asks each question of all in turn; returns {window: {name: {peer: median seconds}}}; prints differences."""
    clients, result, differ = {peer.name: Client(peer) for peer in found}, {}, 0
    for title, window in windows.items():
        result[title] = {}
        for name, query in questions.items():
            answers = {peer: client.ask(query, window)[1] for peer, client in clients.items()}
            times = {peer: [] for peer in clients}
            for turn in range(rounds):
                for peer in list(clients)[turn % len(clients) :] + list(clients)[: turn % len(clients)]:
                    times[peer].append(clients[peer].ask(query, window)[0])
            result[title][name] = {peer: statistics.median(spent) for peer, spent in times.items()}
            if "prometheus" in answers and "belvedere" in answers:
                wrong = close(points(answers["belvedere"]), points(answers["prometheus"]))
                if wrong:
                    differ += 1
                    print(f"differs over {title}: {query}: {wrong}")
    return result, differ


def dashboard(path):
    """Returns the queries of a Grafana dashboard for one host, in the order of its panels."""
    texts = []

    def walk(panels):
        for panel in panels:
            texts.extend(target["expr"] for target in panel.get("targets", []))
            walk(panel.get("panels", []))

    walk(json.loads(Path(path).read_text())["panels"])
    known = {"node": "10.0.0.1:9100", "job": "node", "__rate_interval": "60s"}
    return {f"{number}": re.sub(r"\$(\w+)", lambda found: known[found[1]], text) for number, text in enumerate(texts)}


def together(peer, window, seconds, clients=8):
    """Returns p50, p99 and how many answers, all shapes in turn, and the most RssAnon in bytes meanwhile."""
    deadline, times, most = time.perf_counter() + seconds, [], []
    shapes, ended = list(SHAPES.values()), threading.Event()

    def look():
        while not ended.wait(0.1):
            most.append(peer.memory()[0])

    def client(number):
        connection = Client(peer)
        while time.perf_counter() < deadline:
            number += 1
            times.append(connection.ask(shapes[number % len(shapes)], window)[0])

    watch = threading.Thread(target=look)
    watch.start()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    ended.set()
    watch.join()
    cuts = statistics.quantiles(times, n=100)
    return {"p50": cuts[49], "p99": cuts[98], "answers": len(times), "memory": max(most)}


def reloaded(peer, window, rounds=20, move=15):
    """Returns the median seconds of all shapes when a page asks again every 15 s, with whatever the peer remembers."""
    client, times = Client(peer), []
    start, end, step = window
    for turn in range(rounds + 1):
        shift = (turn - rounds) * move // step * step
        spent = sum(client.ask(query, (start + shift, end + shift, step), cache=True)[0] for query in SHAPES.values())
        times.append(spent)
    return statistics.median(times[1:])


def show(title, times):
    names = list(next(iter(times.values())))
    others = [name for name in names if name != "belvedere"]
    print(f"\n{title:<26}" + "".join(f"{name + ' ms':>15}" for name in names) + "".join(f"{'of ' + name:>15}" for name in others))
    for name, spent in times.items():
        shares = [spent["belvedere"] / spent[other] for other in others]
        print(f"{name:<26}" + "".join(f"{spent[one] * 1e3:>15.2f}" for one in names) + "".join(f"{share:>15.2f}" for share in shares))


def summed(times):
    names = next(iter(times.values()))
    return {name: sum(spent[name] for spent in times.values()) for name in names}


def judge(what, value, bar):
    met = value <= bar
    print(f"{'met     ' if met else 'NOT MET '}    {what}: {value:.2f}, at most {bar}")
    return met


def report(state):
    """Prints all that was measured; returns whether every bar is met."""
    good = state["differ"] == 0
    for title in state["shapes"]:
        rows = state["shapes"][title] | {"all ten": summed(state["shapes"][title])} | state["all"][title]
        rows["the dashboard"] = summed(state["dashboard"][title])
        show(f"{state['series']} series, {title}", rows)
    names = list(state["together"])
    print(f"\n{'eight clients':<26}" + "".join(f"{name:>15}" for name in names))
    for key, factor in (("p50", 1e3), ("p99", 1e3), ("answers", 1), ("memory", 1e-6)):
        unit = {"p50": "p50, ms", "p99": "p99, ms", "answers": "answers", "memory": "RssAnon at most, MB"}[key]
        print(f"{unit:<26}" + "".join(f"{state['together'][name][key] * factor:>15.1f}" for name in names))
    print(f"{'a page reloaded, ms':<26}" + "".join(f"{state['reloaded'][name] * 1e3:>15.1f}" for name in names) + "\n")
    if "prometheus" not in names:
        return good
    for title, shapes in state["shapes"].items():
        total, panels = summed(shapes), state["dashboard"][title]
        good &= judge(f"ten shapes over {title}, of prometheus", total["belvedere"] / total["prometheus"], 0.4)
        whole = summed(panels)
        good &= judge(f"the dashboard over {title}, of prometheus", whole["belvedere"] / whole["prometheus"], 0.4)
        slow = {name: spent["belvedere"] / spent["prometheus"] for name, spent in (shapes | panels).items()}
        worst = max(slow, key=slow.get)
        good &= judge(f"the slowest of them over {title} ({worst})", slow[worst], 1.0)
    *_, whole = state["all"].values()
    good &= judge("all series, of prometheus", whole["all series"]["belvedere"] / whole["all series"]["prometheus"], 0.4)
    if "victoria" in names:
        good &= judge("all series, of victoria", whole["all series"]["belvedere"] / whole["all series"]["victoria"], 0.8)
    return good


def measure(found, arguments, end):
    windows = {"1 h": (end - 3600, end - 60, 15), f"{arguments.hours} h": (end - arguments.hours * 3600 + 300, end - 60, 60)}
    shapes, first = compare(found, SHAPES, windows, arguments.rounds)
    whole, second = compare(found, ALL, windows, arguments.rounds)
    panels, third = compare(found, dashboard(arguments.dashboard), windows, arguments.rounds)
    *_, long = windows.values()
    return {
        "series": arguments.series,
        "differ": first + second + third,
        "shapes": shapes,
        "all": whole,
        "dashboard": panels,
        "together": {peer.name: together(peer, long, arguments.seconds) for peer in found},
        "reloaded": {peer.name: reloaded(peer, long) for peer in found},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cache = ingest.HERE.parents[1] / "tests" / ".cache" / "peers"
    parser.add_argument("--belvedere", required=True)
    parser.add_argument("--peers", default=str(cache))
    parser.add_argument("--recording", default=str(cache / "node-30m.txt.gz"))
    parser.add_argument("--dashboard", default=str(cache / "node-exporter-full.json"))
    parser.add_argument("--feed", help="the built feeder; else it is built into the directory of the peers")
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=15, help="how long the eight clients ask")
    parser.add_argument("--batch", type=int, default=2000)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--only", default="belvedere,prometheus,victoria")
    parser.add_argument("--json", help="file that keeps what was measured")
    arguments = parser.parse_args()
    arguments.feed = arguments.feed or ingest.build(Path(arguments.peers))
    binaries = {"belvedere": arguments.belvedere, "prometheus": f"{arguments.peers}/prometheus", "victoria": f"{arguments.peers}/victoria-metrics"}
    end = int(time.time()) // 60 * 60
    with tempfile.TemporaryDirectory(prefix="compare-queries-") as folder:
        arguments.recording = with_buckets(arguments.recording, folder)
        found = [peers.KINDS[name](binaries[name], Path(folder) / name) for name in arguments.only.split(",")]
        try:
            for peer in found:
                peer.start()
                ingest.feed(arguments, peer, end)
                peer.settle()
                peer.seal(ingest.days(end - arguments.hours * 3600, end)[:-1])
            state = measure(found, arguments, end)
        finally:
            for peer in found:
                peer.stop()
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(state))
    return 0 if report(state) else 1


if __name__ == "__main__":
    sys.exit(main())
