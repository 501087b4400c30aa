"""Asks a Prometheus and an appliance with the same data the same questions, and shows every difference.

    run.py --prometheus PROMETHEUS --belvedere BELVEDERE [--queries 2000] [--seed 1] [--compliance LIST] [--stats]

Data and queries are random but belong to the seed. The last line says how many differ; the exit code is 1
when any does.
"""

import argparse
import collections
import concurrent.futures
import json
import math
import pathlib
import re
import sys
import time

import compliance
import data
import grammar
import servers

HOUR = 3_600_000
# Where both compute the same sums in another order, or another libm the same sine.
TOLERANCE = 1e-11
WAVERS = "wavers"
# How often a question is asked again whose answers differ.
AGAIN = 12


# What Prometheus 3 changed on purpose, so that 2.x answers otherwise: subqueries are open to the left,
# rates are not extrapolated below zero, deviations of infinities are NaN, atan2 drops the name, names
# go at the end, names may be any UTF-8, holt_winters has a new name, predict_linear
# minds `@`, NaN has another rank.
CHANGED_IN_3 = r"\[\w+:|rate\(|increase|atan2|stddev|stdvar|holt_winters|predict_linear|~invalid|topk|bottomk|__name__=~"


# Prometheus does not recognise a subquery under `@` as the range of predict_linear and answers nothing.
LOST_THERE = r"predict_linear\(.*\[\w+:\w*\][^,]*@"


def close(one, other, scale=0.0):
    if one == other:
        return True
    try:
        one, other = float(one), float(other)
    except (TypeError, ValueError):
        return False
    if math.isnan(one) or math.isnan(other) or math.isinf(one) or math.isinf(other):
        return one == other or (math.isnan(one) and math.isnan(other))
    return abs(one - other) <= TOLERANCE * max(abs(one), abs(other), scale)


def same_value(one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        scale = abs(float(one["count"])) if one["count"] not in ("NaN", "+Inf", "-Inf") else 0.0
        mine, theirs = one.get("buckets") or [], other.get("buckets") or []
        return (
            close(one["count"], other["count"])
            and close(one["sum"], other["sum"], scale)
            and len(mine) == len(theirs)
            and all(left[0] == right[0] and all(close(a, b, scale) for a, b in zip(left[1:], right[1:])) for left, right in zip(mine, theirs))
        )
    return close(one, other)


def points(series):
    """Returns the points of one series of an answer by time."""
    found = {}
    for key in ("value", "histogram"):
        if key in series:
            found[series[key][0]] = series[key][1]
    for key in ("values", "histograms"):
        for at, value in series.get(key) or []:
            found[at] = value
    return found


def by_labels(result):
    found = collections.defaultdict(list)
    for series in result:
        found[json.dumps(series["metric"], sort_keys=True)].append(points(series))
    return found


def same_result(one, other):
    if one["resultType"] != other["resultType"]:
        return "result types differ"
    if one["resultType"] in ("scalar", "string"):
        return None if same_value(one["result"][1], other["result"][1]) else "values differ"
    mine, theirs = by_labels(one["result"]), by_labels(other["result"])
    if mine.keys() != theirs.keys():
        there, here = sorted(theirs.keys() - mine.keys()), sorted(mine.keys() - theirs.keys())
        return f"series {there[:2]} only there, {here[:2]} only here"
    for labels, lists in mine.items():
        for own, their in zip(lists, theirs[labels]):
            if own.keys() != their.keys():
                there, here = sorted(their.keys() - own.keys()), sorted(own.keys() - their.keys())
                return f"{labels}: times {there[:3]} only there, {here[:3]} only here"
            for at, value in own.items():
                if not same_value(value, their[at]):
                    return f"{labels} at {at}: {their[at]} there, {value} here"
    return None


def told(error):
    """Returns an error without the examples it gives: which of several series it names is chance."""
    return re.sub(r"group \{.*?\} on|: \[\{.*\}\];", "", error)


def difference(ours, theirs, notes):
    """Returns what differs between two answers; `None` when nothing does."""
    if ours["status"] != theirs["status"]:
        return f"{theirs.get('errorType')} {theirs.get('error')} there, {ours.get('errorType')} {ours.get('error')} here"
    if ours["status"] == "error":
        mine, other = (ours["errorType"], told(ours["error"])), (theirs["errorType"], told(theirs["error"]))
        if mine != other and notes:
            return f"{theirs['errorType']} {theirs['error']} there, {ours['errorType']} {ours['error']} here"
        return None
    found = same_result(ours["data"], theirs["data"])
    if found is None and notes:
        for kind in ("warnings", "infos"):
            mine, others = set(ours.get(kind) or []), set(theirs.get(kind) or [])
            if mine != others:
                return f"{kind}: {sorted(others - mine)} only there, {sorted(mine - others)} only here"
    return found


def contradicts_itself(peer, path, asked, found):
    """Returns whether the other one, asked again and again, differs from itself where it differs from us.

    It walks the series of a subquery in the order of a map, which is another one each time, and a deviation of numbers
    that are large beside it depends on that order in digits that show.
    """
    answers = [peer.ask(path, **asked) for _ in range(AGAIN)]
    place, _, _ = found.partition(" there,")
    place = place.rpartition(": ")[0]
    selves = (difference(answer, answers[0], notes=False) for answer in answers[1:])
    return any(place and place in (own or "") for own in selves)


def samples_differ(ours, theirs):
    """Says how the samples that both looked at differ, in all or at a step."""
    if ours["status"] != "success" or theirs["status"] != "success":
        return None
    ours, theirs = (one["data"]["stats"]["samples"] for one in (ours, theirs))
    names = ["totalQueryableSamples", "totalQueryableSamplesPerStep"]
    differing = [name for name in names if ours.get(name) != theirs.get(name)]
    return "; ".join(f"{name}: {ours.get(name)}, not {theirs.get(name)}" for name in differing) or None


def forms_differ(peer, own, query):
    """Compares how both write the query and what tree they read; a query without a form has an error."""
    for path in ("format_query", "parse_query"):
        theirs, ours = peer.ask(path, query=query), own.ask(path, query=query)
        if theirs != ours:
            return f"{path}: {theirs} there, {ours} here"
    return None


def compare_forms(arguments, peer, own):
    """Compares how both write queries, and whether our form is read back as itself."""
    queries = pathlib.Path(arguments.expressions).read_text().splitlines()
    differing = 0
    for query in queries:
        found = forms_differ(peer, own, query)
        form = own.ask("format_query", query=query)
        if found is None and form["status"] == "success":
            again = own.ask("format_query", query=form["data"])
            found = None if again == form else f"printed as {form['data']!r}, then as {again}"
        if found:
            differing += 1
            print(f"{query}\n    {found[:600]}")
    print(f"{len(queries)} expressions, {differing} differ")
    return 1 if differing else 0


def questions(arguments, start, end, modern):
    """Yields (query, how it is asked)."""
    whole = {"start": (start + 30 * 60_000) / 1000, "end": (end - 5 * 60_000) / 1000, "step": "60s"}
    if arguments.compliance:
        for query in compliance.queries(pathlib.Path(arguments.compliance)):
            yield query, whole
    grammar.Grammar.now = end
    writer = grammar.Grammar(arguments.seed, modern=modern, native=modern)
    for number in range(arguments.queries):
        query = writer.query()
        if number % 2:
            at = writer.random.randrange(start + HOUR // 2, end + HOUR // 4)
            yield query, {"time": at / 1000}
        else:
            from_ms = writer.random.randrange(start, end - HOUR // 2)
            to_ms = from_ms + writer.random.randrange(1, HOUR)
            step = writer.pick(["15s", "47s", "60s", "300s"])
            yield query, {"start": from_ms / 1000, "end": to_ms / 1000, "step": step}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prometheus", required=True)
    parser.add_argument("--belvedere", required=True)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compliance", help="promql-test-queries.yml of the public compliance list")
    parser.add_argument("--expressions", help="a file of queries, one a line, of which only the forms are compared")
    parser.add_argument("--stats", action="store_true", help="compare the samples that queries look at, too")
    parser.add_argument("--show", type=int, default=20, help="differences to print")
    arguments = parser.parse_args()
    modern = servers.version(arguments.prometheus) >= (3, 0)
    peer, own = servers.prometheus(arguments.prometheus), servers.appliance(arguments.belvedere)
    try:
        end = int(time.time() * 1000) // HOUR * HOUR - HOUR // 4
        start = end - 2 * HOUR
        series = data.everything(arguments.seed, start, end, native=modern) + data.demo(arguments.seed, start, end)
        # In the order of their labels, so that both meet series in one order: it decides between equals.
        series.sort(key=lambda one: sorted(one[0].items()))
        for server in (peer, own):
            server.write(series)
        if arguments.expressions:
            return compare_forms(arguments, peer, own)
        asked = [one for one in questions(arguments, start, end, modern) if not re.search(LOST_THERE, one[0])]
        if not modern:
            asked = [one for one in asked if not re.search(CHANGED_IN_3, one[0])]
        return compare(arguments, peer, own, asked, modern)
    finally:
        own.stop()
        peer.stop()


def compare(arguments, peer, own, asked, modern):
    def one(question):
        query, how = question
        path = "query" if "time" in how else "query_range"
        if arguments.stats:
            how = {**how, "stats": "all"}
        theirs, ours = peer.ask(path, query=query, **how), own.ask(path, query=query, **how)
        found = difference(ours, theirs, notes=modern)
        if found is None and arguments.stats:
            found = samples_differ(ours, theirs)
        if found is None and modern:
            found = forms_differ(peer, own, query)
        if found is not None and contradicts_itself(peer, path, {"query": query, **how}, found):
            found = WAVERS
        answered = ours["status"] == "success" and bool(ours["data"]["result"])
        return query, how, found, answered

    differing = answered = wavering = 0
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for query, how, found, has_answer in pool.map(one, asked):
            answered += has_answer
            if found is None:
                continue
            if found is WAVERS:
                wavering += 1
                print(f"{query}\n    {how}\n    Prometheus contradicts itself")
                continue
            differing += 1
            if differing <= arguments.show:
                print(f"{query}\n    {how}\n    {found[:600]}")
    itself = f", in {wavering} Prometheus contradicts itself" if wavering else ""
    print(f"{len(asked)} queries, {answered} with data in the answer, {differing} differ{itself}")
    return 1 if differing or answered < len(asked) // 3 else 0


if __name__ == "__main__":
    sys.exit(main())
