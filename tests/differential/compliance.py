"""The public compliance list: templates with their variants, read without a YAML library."""

import ast
import itertools
import re

VARIANTS = {
    "range": ["1s", "15s", "1m", "5m", "15m", "1h"],
    "offset": ["1m", "5m", "10m"],
    "simpleAggrOp": ["sum", "avg", "max", "min", "count", "stddev", "stdvar"],
    "simpleTimeAggrOp": ["sum", "avg", "max", "min", "count", "stddev", "stdvar", "absent", "last", "present"],
    "topBottomOp": ["topk", "bottomk"],
    "quantile": ["-0.5", "0.1", "0.5", "0.75", "0.95", "0.99", "1", "1.5"],
    "arithBinOp": ["+", "-", "*", "/", "%", "^"],
    "compBinOp": ["==", "!=", "<", ">", "<=", ">="],
    "binOp": ["+", "-", "*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">="],
    "simpleMathFunc": ["abs", "ceil", "floor", "exp", "sqrt", "ln", "log2", "log10", "round"],
    "extrapolatedRateFunc": ["delta", "rate", "increase"],
    "clampFunc": ["clamp_min", "clamp_max"],
    "instantRateFunc": ["idelta", "irate"],
    "dateFunc": ["day_of_month", "day_of_week", "days_in_month", "hour", "minute", "month", "year"],
}


def queries(path):
    """Returns every variant. What the list says of failing is Prometheus' business by now: with UTF-8
    names it takes labels that the list wants refused."""
    text = path.read_text().split("\ntest_cases:", 1)[1]
    for block in re.split(r"^  - ", text, flags=re.M)[1:]:
        found = re.search(r"query: (.*)", block)
        raw = found[1].strip()
        template = raw[1:-1] if raw[0] in "'\"" else raw
        names = re.search(r"variant_args: (\[.*\])", block)
        names = ast.literal_eval(names[1]) if names else []
        for values in itertools.product(*(VARIANTS[name] for name in names)):
            query = template
            for name, value in zip(names, values):
                query = query.replace("{{." + name + "}}", value)
            yield query
