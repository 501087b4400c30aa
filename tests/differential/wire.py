"""Prometheus remote write 1.0 with nothing but the standard library."""

import struct


def _varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _zigzag(number):
    return _varint(number << 1 if number >= 0 else (-number << 1) - 1)


def _field(number, payload):
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _double(number, value):
    bits = value if isinstance(value, bytes) else struct.pack("<d", value)
    return _varint(number << 3 | 1) + bits


def _integer(number, value):
    return _varint(number << 3) + _varint(value)


STALE = struct.pack("<Q", 0x7FF0000000000002)


class Histogram:
    """A native histogram: counts by bucket index, integer or float."""

    def __init__(self, schema, positive, negative=None, zero=0, total=0.0, gauge=False, custom=(), whole=True):
        self.schema, self.positive, self.negative = schema, positive, negative or {}
        self.zero, self.sum, self.gauge, self.custom, self.whole = zero, total, gauge, custom, whole

    def encode(self, at):
        count = self.zero + sum(self.positive.values()) + sum(self.negative.values())
        threshold = 0.0 if self.custom else 0.001
        parts = [
            _integer(1, count) if self.whole else _double(2, float(count)),
            _double(3, self.sum),
            _varint(4 << 3) + _zigzag(self.schema),
            _double(5, threshold),
            _integer(6, self.zero) if self.whole else _double(7, float(self.zero)),
        ]
        for spans, deltas, counts, buckets in ((8, 9, 10, self.negative), (11, 12, 13, self.positive)):
            parts += [_field(spans, span) for span in _spans(buckets)]
            values = [buckets[index] for index in sorted(buckets)]
            if not values:
                continue
            if self.whole:
                steps = [now - before for before, now in zip([0] + values, values)]
                parts.append(_field(deltas, b"".join(map(_zigzag, steps))))
            else:
                parts.append(_field(counts, b"".join(struct.pack("<d", float(one)) for one in values)))
        if self.gauge:
            parts.append(_integer(14, 3))
        parts.append(_integer(15, at))
        if self.custom:
            parts.append(_field(16, b"".join(struct.pack("<d", bound) for bound in self.custom)))
        return b"".join(parts)


def _spans(buckets):
    spans, after = [], 0
    for index in sorted(buckets):
        if spans and index == after:
            spans[-1][1] += 1
        else:
            spans.append([index - after, 1])
        after = index + 1
    return [_varint(1 << 3) + _zigzag(offset) + _integer(2, length) for offset, length in spans]


def series(labels, points):
    """Encodes one series; a point is (milliseconds, float | STALE | Histogram)."""
    parts = [_field(1, _field(1, name.encode()) + _field(2, labels[name].encode())) for name in sorted(labels)]
    for at, value in points:
        if isinstance(value, Histogram):
            parts.append(_field(4, value.encode(at)))
        else:
            parts.append(_field(2, _double(1, value) + _integer(2, at)))
    return _field(1, b"".join(parts))


def snappy(data):
    """Encodes as snappy's block format, literals only."""
    out = [_varint(len(data))]
    for start in range(0, len(data), 60_000):
        piece = data[start : start + 60_000]
        out.append(b"\xf4" + struct.pack("<H", len(piece) - 1) + piece)
    return b"".join(out)
