"""Compares range queries with Prometheus and VictoriaMetrics on the same data, all three beside each other.

    queries.py --belvedere BINARY [--peers DIRECTORY] [--recording FILE] [--dashboard FILE] [--series 1000] [--hours 24]

The peers and the dashboard (node-exporter-full, as it is published) come from `peers.sh`, the recording from
`record.py`; a histogram of requests is added to each target, since a node exporter has none. `feed` gives everyone the
same bytes. Then, over the last hour (a step of 15 s) and over everything (60 s): ten common shapes of dashboards, a
question after the other and the peers in turn, so that a noisy machine is noisy for all; every query of the dashboard,
one by one and then all together over six connections, as a browser asks; and last all shapes under eight clients.

Figures are wall times as `ask`, a thin client with lasting connections, sees them, bodies compressed as Grafana asks
for; answers are compared with Prometheus' value by value. No peer may answer from a cache of results, except in the last part, which
is what a page does that is reloaded every few seconds. Ratios are what counts.
"""

import argparse
import gzip
import itertools
import json
import math
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
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


class Asker:
    """The program `ask`, which measures, and how it is spoken to."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, found, bodies, **how):
        """Returns {peer: [[seconds] of each body]} and {peer: [seconds of all of them]}."""
        task = {"ports": [peer.port for peer in found], "bodies": bodies, "clients": 1, "rounds": 1} | how
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline() or sys.exit("a peer refused a question, see above")
        result, names = json.loads(line), [peer.name for peer in found]
        return dict(zip(names, result["times"])), dict(zip(names, result["pages"]))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def body(query, window, cache=False):
    start, end, step = window
    return urllib.parse.urlencode({"query": query, "start": start, "end": end, "step": step} | ({} if cache else {"nocache": "1"}))


def answer(peer, query, window):
    with urllib.request.urlopen(f"{peer.url}/api/v1/query_range", body(query, window).encode(), timeout=300) as found:
        return points(found.read())


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


def compare(asker, found, questions, windows, rounds):
    """Asks each question of all in turn; returns {window: {name: {peer: seconds}}}, median and least, and what differs."""
    result, least, differ, by_name = {}, {}, 0, {peer.name: peer for peer in found}
    for title, window in windows.items():
        bodies = [body(query, window) for query in questions.values()]
        times, _ = asker.run(found, bodies, rounds=rounds)
        for known, chosen in ((result, statistics.median), (least, min)):
            known[title] = {name: {peer: chosen(times[peer][place]) for peer in times} for place, name in enumerate(questions)}
        for query in questions.values() if {"prometheus", "belvedere"} <= by_name.keys() else ():
            wrong = close(*(answer(by_name[name], query, window) for name in ("belvedere", "prometheus")))
            if wrong:
                differ += 1
                print(f"differs over {title}: {query}: {wrong}")
    return result, least, differ


def pages(asker, found, questions, windows, rounds, connections=6):
    """Returns {window: {peer: median seconds}} until all questions are answered, asked as a browser does."""
    result = {}
    for title, window in windows.items():
        _, spent = asker.run(found, [body(query, window) for query in questions.values()], rounds=rounds, clients=connections)
        result[title] = {peer: statistics.median(times) for peer, times in spent.items()}
    return result


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


def together(asker, peer, window, seconds, clients=8):
    """Returns p50, p99 and how many answers, all shapes in turn, and the most RssAnon in bytes meanwhile."""
    most, ended = [], threading.Event()

    def look():
        while not ended.wait(0.1):
            most.append(peer.memory()[0])

    watch = threading.Thread(target=look)
    watch.start()
    times, _ = asker.run([peer], [body(query, window) for query in SHAPES.values()], clients=clients, seconds=seconds)
    ended.set()
    watch.join()
    (spent, *_) = times[peer.name]
    cuts = statistics.quantiles(spent, n=100)
    return {"p50": cuts[49], "p99": cuts[98], "answers": len(spent), "memory": max(most)}


def reloaded(asker, peer, window, rounds=20, move=15):
    """Returns the median seconds of all shapes when a page asks again every 15 s, with whatever the peer remembers."""
    sums = []
    start, end, step = window
    for turn in range(rounds + 1):
        shift = (turn - rounds) * move // step * step
        moved = (start + shift, end + shift, step)
        times, _ = asker.run([peer], [body(query, moved, cache=True) for query in SHAPES.values()])
        sums.append(sum(spent for (spent,) in times[peer.name]))
    return statistics.median(sums[1:])


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
        rows["the dashboard, one by one"] = summed(state["dashboard"][title])
        rows["the dashboard as a page"] = state["pages"][title]
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
        whole, page = summed(panels), state["pages"][title]
        good &= judge(f"the dashboard over {title}, of prometheus", whole["belvedere"] / whole["prometheus"], 0.4)
        good &= judge("the same as a page, of prometheus", page["belvedere"] / page["prometheus"], 0.4)
        # What the machine does besides only adds, so that the least time tells whether one is slower.
        slow = {name: spent["belvedere"] / spent["prometheus"] for name, spent in state["least"][title].items()}
        worst = max(slow, key=slow.get)
        good &= judge(f"the slowest of them over {title} ({worst})", slow[worst], 1.0)
    parts = [summed(rows) for key in ("shapes", "dashboard") for rows in state[key].values()]
    every = {name: sum(part[name] for part in parts) for name in names}
    good &= judge("shapes and dashboard over both, of prometheus", every["belvedere"] / every["prometheus"], 0.4)
    *_, whole = state["all"].values()
    good &= judge("all series, of prometheus", whole["all series"]["belvedere"] / whole["all series"]["prometheus"], 0.4)
    if "victoria" in names:
        good &= judge("all series, of victoria", whole["all series"]["belvedere"] / whole["all series"]["victoria"], 0.8)
    return good


def measure(asker, found, arguments, end):
    windows = {"1 h": (end - 3600, end - 60, 15), f"{arguments.hours} h": (end - arguments.hours * 3600 + 300, end - 60, 60)}
    panels = dashboard(arguments.dashboard)
    shapes, least, first = compare(asker, found, SHAPES, windows, arguments.rounds)
    whole, _, second = compare(asker, found, ALL, windows, arguments.rounds)
    single, lowest, third = compare(asker, found, panels, windows, arguments.rounds)
    *_, long = windows.values()
    return {
        "series": arguments.series,
        "differ": first + second + third,
        "shapes": shapes,
        "all": whole,
        "dashboard": single,
        "least": {title: least[title] | lowest[title] for title in windows},
        "pages": pages(asker, found, panels, windows, arguments.rounds),
        "together": {peer.name: together(asker, peer, long, arguments.seconds) for peer in found},
        "reloaded": {peer.name: reloaded(asker, peer, long) for peer in found},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cache = ingest.HERE.parents[1] / "tests" / ".cache" / "peers"
    parser.add_argument("--belvedere", required=True)
    parser.add_argument("--peers", default=str(cache))
    parser.add_argument("--recording", default=str(cache / "node-30m.txt.gz"))
    parser.add_argument("--dashboard", default=str(cache / "node-exporter-full.json"))
    parser.add_argument("--feed", help="the built feeder; else it is built into the directory of the peers")
    parser.add_argument("--ask", help="the built asker; likewise")
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=15, help="how long the eight clients ask")
    parser.add_argument("--batch", type=int, default=2000)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--only", default="belvedere,prometheus,victoria")
    parser.add_argument("--json", help="file that keeps what was measured")
    arguments = parser.parse_args()
    arguments.feed = arguments.feed or ingest.build(Path(arguments.peers), "feed")
    arguments.ask = arguments.ask or ingest.build(Path(arguments.peers), "ask")
    binaries = {"belvedere": arguments.belvedere, "prometheus": f"{arguments.peers}/prometheus", "victoria": f"{arguments.peers}/victoria-metrics"}
    end = int(time.time()) // 60 * 60
    with tempfile.TemporaryDirectory(prefix="compare-queries-") as folder:
        arguments.recording = with_buckets(arguments.recording, folder)
        asker = Asker(arguments.ask)
        found = [peers.KINDS[name](binaries[name], Path(folder) / name) for name in arguments.only.split(",")]
        try:
            for peer in found:
                peer.start()
                ingest.feed(arguments, peer, end)
                peer.settle()
                peer.seal(ingest.days(end - arguments.hours * 3600, end)[:-1])
            state = measure(asker, found, arguments, end)
        finally:
            asker.close()
            for peer in found:
                peer.stop()
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(state))
    return 0 if report(state) else 1


if __name__ == "__main__":
    sys.exit(main())
