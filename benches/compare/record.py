"""Records what a node exporter exposes: record.py --exporter NODE_EXPORTER --out FILE [--minutes 30] [--every 15]

Starts the exporter on a free loopback port, scrapes it at a fixed pace and keeps every exposition as it came, in
one gzip file: a line `# scrape MILLISECONDS` before each. Until the recording is whole it is named FILE.partial.
"""

import argparse
import gzip
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "differential"))
from servers import free_port  # noqa: E402


def scrape(url):
    deadline = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exporter", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--every", type=float, default=15)
    arguments = parser.parse_args()
    port = free_port()
    exporter = subprocess.Popen(
        [arguments.exporter, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], stdout=subprocess.DEVNULL
    )
    try:
        record(f"http://127.0.0.1:{port}/metrics", arguments)
    finally:
        exporter.terminate()
        exporter.wait()


def record(url, arguments):
    """Scrapes on a fixed grid, so that a slow scrape does not shift those after it."""
    partial, begin = f"{arguments.out}.partial", time.monotonic()
    with gzip.open(partial, "wb", 6) as file:
        for number in range(round(arguments.minutes * 60 / arguments.every)):
            time.sleep(max(0.0, begin + number * arguments.every - time.monotonic()))
            at = time.time_ns() // 1_000_000
            body = scrape(url)
            file.write(b"# scrape %d\n" % at + body.rstrip(b"\n") + b"\n")
            file.flush()
    os.replace(partial, arguments.out)


if __name__ == "__main__":
    sys.exit(main())
