"""Random PromQL over the series of `data`, deep enough to meet operators in each other's company."""

import random

COUNTERS = ["cpu_seconds_total", "requests_total", "latency_seconds_bucket", "latency_seconds_count"]
GAUGES = ["memory_bytes", "temperature", "up", "build_info", "target_info", "latency_seconds_sum"]
NATIVE = ["duration", "ratio", "queue", "sizes", "mixed"]
LABELS = ["job", "instance", "mode", "code", "type", "le", "nothing"]
RANGES = ["30s", "1m", "90s", "5m", "15m", "1h"]

MATH = ["abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sgn", "sin", "cos", "tan", "atan", "tanh", "deg", "rad"]
DATES = ["day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"]
OVER_TIME = ["avg", "min", "max", "sum", "count", "stddev", "stdvar", "last", "present"]
OVER_TIME_NEW = ["first", "mad", "ts_of_min", "ts_of_max", "ts_of_first", "ts_of_last"]
RATES = ["rate", "increase", "delta", "irate", "idelta", "resets", "changes", "deriv"]
AGGREGATES = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
ARITHMETIC = ["+", "-", "*", "/", "%", "^", "atan2"]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]
HISTOGRAM_PARTS = ["histogram_count", "histogram_sum", "histogram_avg"]


class Grammar:
    """Writes queries. `modern` allows what came after 2.42, `native` native histograms."""

    def __init__(self, seed, modern=True, native=True):
        self.random, self.modern, self.native = random.Random(seed), modern, native

    def pick(self, options):
        return self.random.choice(options)

    def chance(self, probability):
        return self.random.random() < probability

    def query(self):
        return self.vector(self.random.randrange(1, 4))

    def number(self):
        return self.pick(["0", "1", "2", "-1", "0.5", "1e3", "Inf", "NaN", "3600", "0.9"])

    def matcher(self):
        return self.pick(
            [
                'job="x"', 'job!="x"', 'instance=~"a.*|c:.*"', 'instance!~"b.+"', 'mode=~"idle|user"', 'code=~"5.."',
                'nothing=""', 'type!=""', 'le=~"0.*"', 'instance=~".*:1"', 'job=~".+"',
            ]
        )

    def selector(self, names=None):
        names = names or COUNTERS + GAUGES * 2 + (NATIVE if self.native else [])
        name = self.pick(names)
        matchers = [self.matcher() for _ in range(self.pick([0, 0, 1, 1, 2]))]
        if self.chance(0.06):
            other = self.pick(names)
            return "{" + ",".join([f'__name__=~"{name}|{other}"', *matchers]) + "}"
        return name + ("{" + ",".join(matchers) + "}" if matchers else "")

    def timing(self):
        if self.chance(0.85):
            return ""
        at = self.pick(["", "", " @ start()", " @ end()", f" @ {self.now // 1000 - 600}"])
        return at + self.pick([" offset 1m", " offset 7m30s", " offset -2m", "" if at else " offset 15s"])

    now = 0

    def length(self):
        if self.modern and self.chance(0.04):
            return self.pick(["1m+30s", "2*1m", "step()+1m", "max_of(1m,step())", "5m-45s"])
        return self.pick(RANGES)

    def ranged(self, depth, names=None):
        if depth > 1 and self.chance(0.15):
            step = self.pick(["", "15s", "1m", "47s"])
            inner = self.vector(1)
            return f"({inner})[{self.pick(RANGES[1:])}:{step}]{self.timing()}"
        return f"{self.selector(names)}[{self.length()}]{self.timing()}"

    def edged(self):
        names = COUNTERS + GAUGES
        word = self.pick(["anchored", "smoothed"])
        functions = ["rate", "increase", "delta"] + (["changes", "resets"] if word == "anchored" else [])
        return f"{self.pick(functions)}({self.selector(names)}[{self.pick(RANGES)}] {word})"

    def scalar(self, depth):
        if depth <= 0 or self.chance(0.6):
            return self.number()
        return self.pick(
            [
                lambda: "time()", lambda: "pi()",
                lambda: f"scalar({self.vector(depth - 1)})",
                lambda: f"({self.scalar(depth - 1)} {self.pick(ARITHMETIC[:6])} {self.scalar(depth - 1)})",
                lambda: f"({self.scalar(depth - 1)} {self.pick(COMPARISONS)} bool {self.scalar(depth - 1)})",
                lambda: f"-{self.scalar(0)}",
            ]
        )()

    def grouping(self):
        if self.chance(0.3):
            return ""
        chosen = self.random.sample(LABELS, self.pick([0, 1, 1, 2]))
        return f" {self.pick(['by', 'without'])} ({', '.join(chosen)}) "

    def aggregate(self, depth):
        kind = self.random.random()
        if kind < 0.72:
            return f"{self.pick(AGGREGATES)}{self.grouping()}({self.vector(depth - 1)})"
        if kind < 0.82:
            # Over sums that are hardly ever equal: which of equal series stays is chance.
            distinct = self.selector(["latency_seconds_sum"])
            inner = self.pick([distinct, f"avg_over_time({distinct}[{self.pick(RANGES)}])", f"-{distinct}"])
            return f"{self.pick(['topk', 'bottomk'])}{self.grouping()}({self.pick('0123')}, {inner})"
        if kind < 0.92:
            return f"quantile{self.grouping()}({self.pick(['0', '0.5', '0.9', '1', '-1', '2'])}, {self.vector(depth - 1)})"
        if self.modern and kind < 0.96:
            return f"limit_ratio{self.grouping()}({self.pick(['0.5', '-0.5', '0.1', '1', '0'])}, {self.vector(depth - 1)})"
        # Over stored values: a computed one may differ in the last digit of its text.
        return f'count_values{self.grouping()}("value", {self.selector()})'

    def matching(self):
        if self.chance(0.4):
            return ""
        word, labels = self.pick(["on", "ignoring"]), self.random.sample(LABELS[:5], self.pick([0, 1, 2, 2]))
        text = f" {word}({', '.join(labels)})"
        if self.chance(0.4):
            text += f" {self.pick(['group_left', 'group_right'])}({self.pick(['', '', 'version', 'region'])})"
        return text

    def binary(self, depth):
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        kind = self.random.random()
        if kind < 0.35:
            number, op = self.scalar(depth - 1), self.pick(ARITHMETIC)
            return f"({left} {op} {number})" if self.chance(0.6) else f"({number} {op} {left})"
        if kind < 0.5:
            bool_word = self.pick(["", " bool"])
            return f"({left} {self.pick(COMPARISONS)}{bool_word} {self.scalar(depth - 1)})"
        if kind < 0.65:
            words = self.pick(["", " on(job)", " on(instance)", " ignoring(mode)", " on(job, instance)"])
            return f"({left} {self.pick(['and', 'or', 'unless'])}{words} {right})"
        if kind < 0.8:
            bool_word = self.pick(["", " bool"])
            return f"({left} {self.pick(COMPARISONS)}{bool_word}{self.matching()} {right})"
        fill = self.pick(["", "", " fill(0)", " fill_left(1)", " fill_right(2)"]) if self.modern else ""
        return f"({left} {self.pick(ARITHMETIC)}{self.matching()}{fill} {right})"

    def histogram(self, depth):
        if self.native and self.chance(0.6):
            name = self.pick(NATIVE)
            inner = self.pick([f"rate({name}[{self.pick(RANGES[1:])}])", name, f"sum by (job) (increase({name}[5m]))"])
        else:
            inner = f"sum by (le, {self.pick(LABELS[:3])}) (rate(latency_seconds_bucket[{self.pick(RANGES[1:])}]))"
        q = self.pick(["0.5", "0.9", "0.99", "0", "1", "-1", "2", "NaN"])
        options = [f"histogram_quantile({q}, {inner})"] * 3
        if self.native:
            options += [f"histogram_fraction({self.pick(['0', '-Inf', '0.1'])}, {self.pick(['1', '5', '+Inf'])}, {inner})"]
            parts = HISTOGRAM_PARTS[:2] if not self.modern else HISTOGRAM_PARTS + ["histogram_stddev", "histogram_stdvar"]
            options += [f"{part}({inner})" for part in parts]
            if self.modern:
                options += [f"({inner} {self.pick(['</', '>/'])} {self.pick(['0.5', '2', '-1'])})"]
                options += [f'histogram_quantiles({inner}, "q", 0.5, 0.9)']
        return self.pick(options)

    def call(self, depth):
        inner = lambda: self.vector(depth - 1)
        options = [
            lambda: f"{self.pick(MATH)}({inner()})",
            lambda: f"{self.pick(DATES)}({inner()})",
            lambda: f"clamp({inner()}, {self.scalar(1)}, {self.scalar(1)})",
            lambda: f"{self.pick(['clamp_min', 'clamp_max'])}({inner()}, {self.scalar(1)})",
            lambda: f"round({inner()}, {self.pick(['1', '0.1', '5', '0'])})",
            lambda: f"absent({inner()})",
            lambda: f"timestamp({inner()})",
            lambda: f"vector({self.scalar(1)})",
            lambda: f'label_replace({inner()}, "{self.pick(["job", "new"])}", "$1-z", "instance", "(.*):.*")',
            lambda: f'label_join({inner()}, "{self.pick(["new", "mode"])}", "-", "job", "instance")',
            lambda: f"sort({inner()})",
        ]
        if self.modern:
            options.append(lambda: f"info({self.selector(['temperature', 'up', 'requests_total'])})")
            options.append(lambda: f'sort_by_label({inner()}, "instance")')
        return self.pick(options)()

    def over_range(self, depth):
        kind = self.random.random()
        if kind < 0.45:
            names = COUNTERS * 2 + GAUGES + (NATIVE if self.native else [])
            return f"{self.pick(RATES)}({self.ranged(depth, names)})"
        if kind < 0.8:
            names = OVER_TIME + (OVER_TIME_NEW if self.modern else [])
            return f"{self.pick(names)}_over_time({self.ranged(depth)})"
        if kind < 0.86:
            return f"quantile_over_time({self.pick(['0.5', '0.9', '-1', '2'])}, {self.ranged(depth)})"
        if kind < 0.9:
            return f"predict_linear({self.ranged(depth)}, {self.pick(['60', '3600', '-60'])})"
        if kind < 0.93:
            name = "double_exponential_smoothing" if self.modern else "holt_winters"
            return f"{name}({self.ranged(depth)}, 0.5, {self.pick(['0.1', '0.9'])})"
        if kind < 0.96 and self.modern:
            return self.edged()
        return f"absent_over_time({self.ranged(depth)})"

    def vector(self, depth):
        if depth <= 0:
            return self.selector() + self.timing()
        kind = self.random.random()
        if kind < 0.12:
            return self.selector() + self.timing()
        if kind < 0.42:
            return self.over_range(depth)
        if kind < 0.62:
            return self.aggregate(depth)
        if kind < 0.8:
            return self.binary(depth)
        if kind < 0.88:
            return self.histogram(depth)
        if kind < 0.9:
            return f"-{self.vector(depth - 1)}"
        return self.call(depth)
