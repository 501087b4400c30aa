"""Random series as they occur: resets, gaps, staleness, NaN, infinities, both kinds of histograms."""

import math
import random
import struct

from wire import STALE, Histogram

STEP = 15_000
BOUNDS = ["0.005", "0.025", "0.1", "0.5", "1", "2.5", "10", "+Inf"]


def _times(rng, start, end):
    """Scrape times with jitter and gaps, some closed by a stale marker; `None` stands for a marker."""
    at, times = start + rng.randrange(STEP), []
    while at < end:
        times.append((at, True))
        at += STEP + rng.choice([0, 0, 0, rng.randrange(-800, 800)])
        if rng.random() < 0.008:
            if rng.random() < 0.6:
                times.append((at, False))
            at += rng.randrange(1, 40) * STEP
    return times


def _counter(rng):
    value, slope = float(rng.randrange(1000)), rng.choice([1, 5, 0.37, 1e6])
    while True:
        yield value
        value += rng.choice([0, slope, slope * rng.random() * 3])
        if rng.random() < 0.01:
            value = rng.choice([0.0, slope])


def _gauge(rng):
    value = rng.choice([0.0, -5.5, 1e9, 273.15])
    odd = rng.random() < 0.3
    while True:
        if odd and rng.random() < 0.03:
            yield rng.choice([math.nan, math.inf, -math.inf, -0.0, 0.0])
        else:
            yield round(value, rng.choice([0, 2, 12]))
        value += rng.gauss(0, 3)


def _constant(rng):
    value = rng.choice([0.0, 1.0, 42.0])
    while True:
        yield value


def _native(rng, whole, gauge, custom):
    bounds = (0.1, 0.5, 1.0, 5.0) if custom else ()
    schema = -53 if custom else rng.choice([0, 1, 3])
    # All buckets from the start: where layouts differ, Prometheus gives samples the empty buckets of
    # their neighbours in a chunk, and some estimates tell an empty bucket from none.
    indexes, mirrored = (range(5), []) if custom else (range(-4, 9), rng.choice([[], range(-4, 9)]))
    empty = lambda: ({index: 0 for index in indexes}, {index: 0 for index in mirrored}, 0, 0.0)
    positive, negative, zero, total = empty()
    while True:
        copy = Histogram(schema, dict(positive), dict(negative), zero, total, gauge, bounds, whole)
        yield copy
        for _ in range(rng.randrange(4)):
            side = negative if mirrored and rng.random() < 0.2 else positive
            side[rng.choice(indexes)] += rng.randrange(1, 9)
            total += rng.random() * 10
        zero += 0 if custom else rng.choice([0, 1])
        if rng.random() < 0.01 or (gauge and rng.random() < 0.2):
            positive, negative, zero, total = empty()
            if not custom and rng.random() < 0.3:
                schema = rng.choice([0, 1, 2])


def _series(rng, start, end, labels, values):
    points = []
    for at, present in _times(rng, start, end):
        value = next(values)
        if present:
            points.append((at, value))
        elif isinstance(value, Histogram):
            points.append((at, Histogram(value.schema, {}, total=struct.unpack("<d", STALE)[0], custom=value.custom)))
        else:
            points.append((at, STALE))
    return labels, points


def _classic(rng, start, end, labels):
    """Buckets, count and sum of one classic histogram, scraped together."""
    counts, total, rows = [0] * len(BOUNDS), 0.0, {bound: [] for bound in [*BOUNDS, "count", "sum"]}
    for at, present in _times(rng, start, end):
        for _ in range(rng.randrange(6)):
            place = min(int(rng.expovariate(0.5)), len(BOUNDS) - 1)
            counts[place] += 1
            total += rng.random()
        if rng.random() < 0.005:
            counts, total = [0] * len(BOUNDS), 0.0
        running = 0
        for bound, count in zip(BOUNDS, counts):
            running += count
            rows[bound].append((at, float(running) if present else STALE))
        rows["count"].append((at, float(running) if present else STALE))
        rows["sum"].append((at, total if present else STALE))
    name = labels["__name__"]
    for bound, points in rows.items():
        if bound in ("count", "sum"):
            yield {**labels, "__name__": f"{name}_{bound}"}, points
        else:
            yield {**labels, "__name__": f"{name}_bucket", "le": bound}, points


def everything(seed, start, end, native=True):
    """Returns all series as (labels, points in time order)."""
    rng, found = random.Random(seed), []

    def each(name, values, **labels):
        found.append(_series(rng, start, end, {"__name__": name, **labels}, values))

    instances = ["a:1", "b:1", "c:2"]
    for instance in instances:
        base = {"job": "x" if instance < "c" else "y", "instance": instance}
        for mode in ["idle", "user", "system"]:
            each("cpu_seconds_total", _counter(rng), mode=mode, **base)
        for code in ["200", "404", "500"]:
            each("requests_total", _counter(rng), code=code, **base)
        for kind in ["free", "used"]:
            each("memory_bytes", _gauge(rng), type=kind, **base)
        each("temperature", _gauge(rng), **base)
        each("up", _constant(rng), **base)
        each("build_info", _constant(rng), version=rng.choice(["1.0", "1.1"]), **base)
        each("target_info", iter(lambda: 1.0, 2.0), region=rng.choice(["eu", "us"]), **base)
        found.extend(_classic(rng, start, end, {"__name__": "latency_seconds", "path": "/", **base}))
        if native:
            for name, whole, gauge, custom in [
                ("duration", True, False, False),
                ("ratio", False, False, False),
                ("queue", True, True, False),
                ("sizes", True, False, True),
            ]:
                each(name, _native(rng, whole, gauge, custom), **base)
    if native:
        histograms, floats = _native(rng, True, False, False), _counter(rng)
        swapped = ((lambda: next(histograms if rng.random() < 0.5 else floats)))
        each("mixed", iter(swapped, None), job="x", instance="a:1")
    return found


def demo(seed, start, end):
    """The metrics that the public compliance list asks about, from three instances."""
    rng, found = random.Random(seed), []
    for port in ["10000", "10001", "10002"]:
        base = {"job": "demo", "instance": f"demo.promlabs.com:{port}"}

        def each(name, values, **labels):
            found.append(_series(rng, start, end, {"__name__": name, **base, **labels}, values))

        for kind in ["free", "buffers", "cached", "used"]:
            each("demo_memory_usage_bytes", _gauge(rng), type=kind)
        for mode in ["idle", "user", "system"]:
            each("demo_cpu_usage_seconds_total", _counter(rng), mode=mode)
        each("demo_num_cpus", iter(lambda: 4.0, 0.0))
        each("demo_disk_usage_bytes", _gauge(rng))
        each("demo_batch_last_success_timestamp_seconds", _last_success(rng, start))
        each("demo_intermittent_metric", _gauge(rng))
        labels = {"__name__": "demo_api_request_duration_seconds", "method": "GET", "path": "/api/foo", **base}
        found.extend(_classic(rng, start, end, {**labels, "status": "200"}))
    return found


def _last_success(rng, start):
    at = start / 1000
    while True:
        yield at
        at += rng.choice([0.0, 0.0, 0.0, 60.0])
