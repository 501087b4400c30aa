"""Compares remote write, memory, disk, start-up and series queries with Prometheus and VictoriaMetrics on the same data.

    ingest.py --belvedere BINARY [--peers DIRECTORY] [--recording FILE] [--series 10000] [--hours 48] [--only NAMES]

The peers come from `peers.sh`, the recording from `record.py`, and `feed` makes the same bytes from it for everyone:
one sample of each series a scrape, requests of 2,000 samples over four connections, in the order of time. The data
ends now. It comes far faster than time passes, therefore:

* A Prometheus with an empty head takes a first sample of any age, so it needs no window for late data: all of it comes
  in order, as in real life. It looks for work once a minute; its head grows beyond what it would hold in real life until
  then, so memory is taken after that work is done, too. Shards are apart by seconds, far less than the hour it bears.
* We are asked to flush at every even hour of the data, as our timer would have done; this costs us, so it is in the figures.
* VictoriaMetrics needs nothing; its window for queries is opened, as its buffer of 30 s would hide the end.

CPU is that of the server's process alone (utime and stime); wall times share two cores with `feed` and what else runs.
Memory of a series is RssAnon over idle, the median of the last third of the feeding. Disk is allocated blocks. Peers run one after the other.
"""

import argparse
import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import catalogue
import peers

HERE = Path(__file__).resolve().parent
STEP = 15
# What PRODUCT asks: figure, peer, largest ratio.
BARS = [
    ("cpu", "prometheus", 0.5),
    ("cpu", "victoria", 0.8),
    ("sealed", "prometheus", 0.35),
    ("sealed", "victoria", 1.0),
    ("series_memory", "prometheus", 0.4),
]
# What it asks whatever the peers do: figure, largest value up to 10,000 series, and above.
LIMITS = [
    ("start_empty", 0.3, 0.3),
    ("start_killed", 2.0, 5.0),
    ("start", 2.0, 2.0),
    ("idle", 60e6, 60e6),
]
ROWS = [
    ("cpu", "CPU by remote write, ns a sample", 1e9),
    ("cpu_rest", "  with the work left behind", 1e9),
    ("cpu_all", "  with sealing", 1e9),
    ("wall", "wall by remote write, ns a sample", 1e9),
    ("idle", "RssAnon idle, MB", 1e-6),
    ("peak", "RssAnon at most while fed, MB", 1e-6),
    ("series_memory", "RssAnon a series, late, bytes", 1),
    ("series_memory_rest", "  at rest", 1),
    ("series_resident", "  VmRSS a series, late", 1),
    ("live", "disk live, bytes a sample", 1),
    ("unlogged", "  without the log", 1),
    ("sealed", "disk sealed, bytes a sample", 1),
    ("start_empty", "start with nothing, s", 1),
    ("start_killed", "start after kill -9, s", 1),
    ("start", "start after a stop, s", 1),
    ("stop", "stop, s", 1),
]


class Watch:
    """Looks at a process' memory four times a second."""

    def __init__(self, peer):
        self.peer, self.seen, self.ended = peer, [], threading.Event()
        self.thread = threading.Thread(target=self.look)

    def look(self):
        while not self.ended.wait(0.25):
            self.seen.append(self.peer.memory())

    def late(self):
        """Returns RssAnon and VmRSS in the last third of the time, as medians: garbage comes and goes in waves."""
        last = self.seen[len(self.seen) * 2 // 3 :] or [self.peer.memory()]
        return [statistics.median(column) for column in zip(*last)]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def feed(arguments, peer, end):
    """Feeds a peer; returns what `feed` tells."""
    command = [arguments.feed, "-recording", arguments.recording, "-url", f"{peer.url}/api/v1/write"]
    command += ["-series", str(arguments.series), "-hours", str(arguments.hours), "-end", str(end)]
    command += ["-batch", str(arguments.batch), "-shards", str(arguments.shards)]
    if peer.flush_path:
        command += ["-flush", peer.url + peer.flush_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{peer.name}: {done.stderr[-1000:]}")
    return json.loads(done.stdout)


def measure(peer, arguments, end):
    """Runs one peer through everything; returns its figures, its answers about series, and those to PromQL."""
    figures, start = {}, end - int(arguments.hours * 3600)
    figures["start_empty"] = peer.start()
    time.sleep(3)
    idle, idle_resident = peer.memory()
    began = peer.cpu()
    with Watch(peer) as watch:
        sent = feed(arguments, peer, end)
    anonymous, resident = watch.late()
    fed, count, samples = peer.cpu(), sent["series"], sent["samples"]
    figures.update(idle=idle, peak=max(one for one, _ in watch.seen), cpu=(fed - began) / samples, wall=sent["seconds"] / samples, again=sent["sent_again"])
    figures.update(series_memory=(anonymous - idle) / count, series_resident=(resident - idle_resident) / count)
    figures["until_durable"] = peer.durable()
    peer.stop(signal.SIGKILL)
    before = fed
    figures["start_killed"] = peer.start()
    figures["whole"] = whole(peer, arguments, end)
    replayed = peer.cpu()
    peer.settle()
    figures["cpu_rest"] = (before - began + peer.cpu() - replayed) / samples
    figures["series_memory_rest"] = (peer.memory()[0] - idle) / count
    figures["live"], figures["unlogged"] = peer.live(samples), peer.unlogged(samples)
    questions = catalogue.timed(peer, start, end, arguments.rounds)
    answers = catalogue.answers(peer, start, end) if peer.name != "victoria" else {}
    at = peer.cpu()
    done = peer.seal(days(start, end))
    figures["cpu_all"] = figures["cpu_rest"] + (peer.cpu() - at) / samples
    figures["sealed"] = peer.sealed(done, lambda day: count * scrapes(day, start, end))
    figures["days"] = [str(day) for day in done]
    final = catalogue.timed(peer, start, end, arguments.rounds)
    again = catalogue.answers(peer, start, end) if answers else {}
    figures["changed"] = catalogue.differences(answers, again)[0]
    figures["stop"] = peer.stop()
    figures["start"] = peer.start()
    figures["whole"] = figures["whole"] and whole(peer, arguments, end)
    peer.stop()
    return {"figures": figures, "questions": questions, "final": final, "answers": answers, "samples": samples}


def whole(peer, arguments, end):
    """Tells whether every series has its newest sample."""
    for _ in range(20):
        found = peer.ask("query", query='count({job="node"})', time=end)["result"]
        if found and float(found[0]["value"][1]) == arguments.series:
            return True
        time.sleep(1)
    print(f"{peer.name}: {found} of {arguments.series} series", file=sys.stderr)
    return False


def days(start, end):
    first, last = (datetime.fromtimestamp(at, timezone.utc).date() for at in (start, end))
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def scrapes(day, start, end):
    """Returns how many scrapes of the data lie in a day."""
    begin = int(datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp())
    return max(0, min(end, begin + 86_400) - max(start, begin)) // STEP


def table(found, scale):
    names = list(found)
    others = [name for name in names if name != "belvedere"]
    print(f"\n{'':<38}" + "".join(f"{name:>13}" for name in names) + "".join(f"{'of ' + name:>15}" for name in others))
    for key, title, factor in scale:
        row = [found[name].get(key) for name in names]
        own = found.get("belvedere", {}).get(key)
        shares = [own / found[name][key] if own is not None and found[name].get(key) else None for name in others]
        print(f"{title:<38}" + "".join(cell(one, factor, 13) for one in row) + "".join(cell(one, 1, 15) for one in shares))


def cell(value, factor, width):
    if value is None:
        return f"{'-':>{width}}"
    value *= factor
    return f"{value:>{width}.0f}" if abs(value) >= 100 else f"{value:>{width}.3f}"


def judge(found, series):
    """Prints the bars; returns whether all that could be judged are met."""
    met = True
    print()
    for key, few, many in LIMITS:
        value, limit = found.get("belvedere", {}).get(key), few if series <= 10_000 else many
        if value is not None:
            met = met and value <= limit
            print(f"{'met     ' if value <= limit else 'NOT MET '}    {key}: {value:.4g}, at most {limit:g}")
    for key, other, bar in BARS:
        own, theirs = found.get("belvedere", {}).get(key), found.get(other, {}).get(key)
        if own is None or not theirs:
            print(f"not judged  {key} of {other}: at most {bar}")
            continue
        good = own / theirs <= bar
        met = met and good
        print(f"{'met     ' if good else 'NOT MET '}    {key} of {other}: {own / theirs:.2f}, at most {bar}")
    return met


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--belvedere", required=True)
    cache = HERE.parents[1] / "tests" / ".cache" / "peers"
    parser.add_argument("--peers", default=str(cache))
    parser.add_argument("--recording", default=str(cache / "node-30m.txt.gz"))
    parser.add_argument("--feed", help="the built feeder; else it is built into the directory of the peers")
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--hours", type=float, default=48)
    parser.add_argument("--batch", type=int, default=2000)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="belvedere,prometheus,victoria")
    parser.add_argument("--work", help="folder for the servers' data")
    parser.add_argument("--json", help="file that keeps what was measured; a run that was cut goes on from there")
    arguments = parser.parse_args()
    arguments.feed = arguments.feed or build(Path(arguments.peers), "feed")
    binaries = {
        "belvedere": arguments.belvedere,
        "prometheus": f"{arguments.peers}/prometheus",
        "victoria": f"{arguments.peers}/victoria-metrics",
    }
    state = resume(arguments)
    for name in arguments.only.split(","):
        if name in state["peers"]:
            continue
        folder = tempfile.mkdtemp(prefix=f"compare-{name}-", dir=arguments.work)
        peer = peers.KINDS[name](binaries[name], Path(folder) / "own")
        try:
            state["peers"][name] = measure(peer, arguments, state["end"])
        finally:
            peer.stop()
            shutil.rmtree(folder, ignore_errors=True)
        print(f"{name}: {json.dumps(state['peers'][name]['figures'])}", file=sys.stderr, flush=True)
        if arguments.json:
            Path(arguments.json).write_text(json.dumps(state))
    return 0 if show(state, arguments) else 1


def resume(arguments):
    """Returns what a run of the same size found before it was cut, or a new beginning."""
    size = {"series": arguments.series, "hours": arguments.hours}
    if arguments.json and Path(arguments.json).exists():
        state = json.loads(Path(arguments.json).read_text())
        if size != {key: state[key] for key in size}:
            sys.exit(f"{arguments.json} is of a run of another size")
        return state
    return {**size, "end": int(time.time()) // STEP * STEP, "peers": {}}


def show(state, arguments):
    """Prints everything; returns whether all bars are met and all answers agree."""
    part = {key: {name: one[key] for name, one in state["peers"].items()} for key in ("figures", "questions", "final", "answers")}
    found = part["figures"]
    samples = next(iter(state["peers"].values()))["samples"]
    print(f"{arguments.series} series, {arguments.hours:g} h, {samples} samples; ended {time.strftime('%F %T')}")
    table(found, ROWS)
    for form in ("questions", "final"):
        rows = [(name, f"{name}, {'live' if form == 'questions' else 'final'}, ms", 1e3) for name in catalogue.QUESTIONS]
        table({name: {key: one[0] for key, one in asked.items()} for name, asked in part[form].items()}, rows)
    good = same(part["questions"], part["answers"]) and same(part["final"], {})
    for name, one in found.items():
        good = good and not one["changed"]
        print("".join(f"{name} answers otherwise in its final form: {line}\n" for line in one["changed"]), end="")
    return judge(found, arguments.series) and good and all(one["whole"] for one in found.values())


def same(questions, answers):
    """Prints where peers answered with other things than we."""
    good, own = True, questions.get("belvedere", {})
    for name, asked in questions.items():
        for key in own:
            if asked[key][1] != own[key][1]:
                good = False
                print(f"differs: {key}: {own[key][1]} things, {asked[key][1]} of {name}")
    if "belvedere" in answers and "prometheus" in answers:
        lines, compared = catalogue.differences(answers["belvedere"], answers["prometheus"])
        print(f"\n{len(answers['prometheus'])} queries, {compared} values compared with prometheus, {len(lines)} queries differ")
        print("\n".join(lines))
        good = good and not lines
    return good


def build(folder, name):
    """Builds one of the programs beside this one into a folder."""
    program = folder.resolve() / name
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=HERE / name, check=True)
    return str(program)


if __name__ == "__main__":
    sys.exit(main())
