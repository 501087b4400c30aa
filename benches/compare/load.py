"""Node-exporter-like series in bulk, encoded for remote write 1.0 and posted to several receivers."""

import random
import struct
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "differential"))
from wire import _field, _varint, snappy  # noqa: E402

STEP = 15_000
# Of a hundred series of a node: how many are constant, integer counters, seconds, multiples of a page.
KINDS = [("constant", 40), ("counter", 30), ("seconds", 15), ("pages", 15)]
BUCKETS = ["0.005", "0.05", "0.5", "5", "+Inf"]


def series(count, seed=1):
    """Returns label sets with the kind of their values, a hundred of each instance and one histogram."""
    made, kinds = [], [kind for kind, share in KINDS for _ in range(share)]
    for number in range(count):
        instance, place = divmod(number, 100)
        base = {"job": "node", "instance": f"host-{instance:04}:9100"}
        kind = kinds[place]
        if kind == "counter" and place % 30 < len(BUCKETS):
            name = {"__name__": "request_seconds_bucket", "le": BUCKETS[place % 30]}
        elif kind == "counter":
            name = {"__name__": "node_network_bytes_total", "device": f"eth{place}"}
        elif kind == "seconds":
            name = {"__name__": "node_cpu_seconds_total", "cpu": str(place % 4), "mode": f"m{place}"}
        elif kind == "pages":
            name = {"__name__": "node_memory_bytes", "type": f"t{place}"}
        else:
            name = {"__name__": "node_info", "item": str(place)}
        made.append(({**name, **base}, kind))
    return made


def _values(kind, rng, length, start):
    """Yields the encoded values of one series from where it stood."""
    pack = struct.Struct("<d").pack
    value = start
    for _ in range(length):
        if kind == "counter":
            value += rng.randrange(2000)
        elif kind == "seconds":
            value = round(value + rng.random() * 15, 2)
        elif kind == "pages":
            value += rng.randrange(-64, 65) * 4096
        yield pack(value)
    yield value


def bodies(count, start, end, per_request=500, slice_steps=120):
    """Yields (samples, snappy body) of remote write requests, in the order of time."""
    rng, sets = random.Random(1), series(count)
    heads = []
    for labels, _ in sets:
        names = sorted(labels)
        heads.append(b"".join(_field(1, _field(1, n.encode()) + _field(2, labels[n].encode())) for n in names))
    stood = [float(rng.randrange(10**6) * (4096 if kind == "pages" else 1)) for _, kind in sets]
    times = list(range(start, end, STEP))
    for begin in range(0, len(times), slice_steps):
        marks = [b"\x10" + _varint(at) for at in times[begin : begin + slice_steps]]
        prefix = b"\x12" + bytes([9 + len(marks[0])]) + b"\x09"
        for first in range(0, count, per_request):
            body = []
            for index in range(first, min(first + per_request, count)):
                *values, stood[index] = _values(sets[index][1], rng, len(marks), stood[index])
                samples = b"".join([prefix + value + mark for value, mark in zip(values, marks)])
                body.append(_field(1, heads[index] + samples))
            yield len(marks) * len(body), snappy(b"".join(body))


def post(url, body):
    headers = {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=120).close()


def cpu_seconds(pid):
    """Returns the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def anonymous_mb(pid):
    """Returns RssAnon in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return 0.0
