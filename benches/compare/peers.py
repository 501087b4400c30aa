"""The servers of a comparison as processes that can be killed and started again on the same data.

Each peer is fed, asked and measured in the same way; what differs is how it is started, how it comes to rest and
what belongs to its data on disk.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "differential"))
from servers import free_port  # noqa: E402


def allocated(path):
    """Returns the bytes that a file, or all files below a folder, have allocated."""
    path = Path(path)
    files = [path] if path.is_file() else [Path(at) / name for at, _, names in os.walk(path) for name in names]
    total = 0
    for one in files:
        try:
            total += one.stat().st_blocks * 512
        except FileNotFoundError:
            pass
    return total


def memory(pid):
    """Returns RssAnon and VmRSS in bytes."""
    found = dict(re.findall(r"^(RssAnon|VmRSS):\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M))
    return int(found.get("RssAnon", 0)) * 1024, int(found.get("VmRSS", 0)) * 1024


def cpu_seconds(pid):
    """Returns the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Peer:
    """One server on a free loopback port, with a folder of its own. Subclasses say what is particular."""

    name = ""
    flush_path = None  # asked every two hours of data while it is fed

    def __init__(self, binary, folder):
        self.binary, self.folder, self.port = os.path.abspath(binary), Path(folder), free_port()
        self.data, self.url = self.folder / "data", f"http://127.0.0.1:{self.port}"
        self.folder.mkdir(parents=True)
        self.process, self.used = None, 0.0

    def command(self):
        raise NotImplementedError

    def durable(self):
        """Waits until what was acknowledged outlives a kill; returns how long that took. With a log it does at once."""
        self.rest(quiet=3, longest=60)
        return 0.0

    def settle(self):
        """Waits until background work that the feeding caused is done."""
        self.rest(quiet=3, longest=60)

    def seal(self, days):
        """Brings the data of these days into its final form; returns the days for which there is one."""
        return days

    def live(self, samples):
        """Returns the bytes a sample of everything on disk."""
        return allocated(self.data) / samples

    def unlogged(self, samples):
        """Returns the same without the log, whose size is bounded and does not grow with the data."""
        return (allocated(self.data) - allocated(self.data / "wal")) / samples

    def sealed(self, days, samples_of):
        """Returns the bytes a sample of what is in its final form, or nothing when nothing is."""
        return self.live(sum(samples_of(day) for day in days))

    def start(self):
        """Starts and returns the seconds until it is ready."""
        begin = time.perf_counter()
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=self.folder)
        while time.perf_counter() - begin < 300:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                    if answer.status == 200:
                        return time.perf_counter() - begin
            except OSError:
                time.sleep(0.005)
        raise RuntimeError(f"{self.name} is not ready: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")

    def stop(self, how=signal.SIGTERM):
        """Ends the process; returns the seconds it took."""
        begin = time.perf_counter()
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(timeout=300)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return time.perf_counter() - begin

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def memory(self):
        return memory(self.process.pid)

    def rest(self, quiet, longest):
        """Waits until the process used next to no processor for `quiet` seconds; returns whether it came to that."""
        deadline, since, last = time.monotonic() + longest, time.monotonic(), self.cpu()
        while time.monotonic() < deadline:
            time.sleep(0.5)
            now = self.cpu()
            if now - last > 0.05:
                since = time.monotonic()
            last = now
            if time.monotonic() - since >= quiet:
                return True
        return False

    def get(self, path, timeout=300):
        with urllib.request.urlopen(f"{self.url}{path}", timeout=timeout) as answer:
            return answer.read()

    def ask(self, path, **parameters):
        """Asks Prometheus' API; returns `data`, or raises with the server's own words."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        try:
            return json.loads(self.get(f"/api/v1/{path}?{query}"))["data"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{self.name}: {path}: {error.code} {error.read()[:300]}") from error

    def post(self, path, timeout=1800):
        """Posts nothing; returns the answer's JSON."""
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{self.url}{path}", b""), timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{self.name}: {path}: {error.code} {error.read()[:300]}") from error


class Belvedere(Peer):
    name = "belvedere"
    flush_path = "/api/x/admin/flush"

    def command(self):
        config = self.folder / "belvedere.yaml"
        config.write_text(
            f"listen: {{http: '127.0.0.1:{self.port}', otlp_http: '127.0.0.1:0', otlp_grpc: '127.0.0.1:0'}}\n"
            "telemetry: {self: false}\nhost: {enabled: false}\nrule_packs: []\n"
        )
        return [self.binary, "serve", "--config", str(config), "--data-dir", str(self.data)]

    def settle(self):
        self.post(self.flush_path)
        self.rest(quiet=3, longest=120)

    def seal(self, days):
        """Seals day by day; a day that the store would not seal yet has no final form to be measured."""
        done = [day for day in days if self.post(f"/api/x/admin/seal?signal=metrics&through={day}")["sealed"]]
        self.rest(quiet=3, longest=600)
        return done

    def sealed(self, days, samples_of):
        """Returns the bytes a sample of the files of these days."""
        size = sum(allocated(one) for day in days for one in (self.data / "metrics").glob(f"{day}*"))
        samples = sum(samples_of(day) for day in days)
        return size / samples if samples else None


class Prometheus(Peer):
    name = "prometheus"

    def command(self):
        config = self.folder / "prometheus.yml"
        config.write_text("global: {}\n")
        return [
            self.binary,
            f"--config.file={config}",
            f"--storage.tsdb.path={self.data}",
            "--storage.tsdb.retention.time=100d",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-remote-write-receiver",
            "--log.level=warn",
        ]

    def metric(self, name):
        found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", self.get("/metrics").decode(), re.M)
        return float(found[1]) if found else 0.0

    def settle(self):
        """Compaction looks for work once a minute and is done when the head spans less than three hours."""
        deadline = time.monotonic() + 1200
        while time.monotonic() < deadline:
            span = self.metric("prometheus_tsdb_head_max_time") - self.metric("prometheus_tsdb_head_min_time")
            if span <= 3 * 3600e3 and self.rest(quiet=66, longest=600):
                return
            time.sleep(5)

    def sealed(self, days, samples_of):
        """Counts blocks only: the head and its log are not final."""
        metas = list(self.data.glob("*/meta.json"))
        samples = sum(json.loads(one.read_text())["stats"]["numSamples"] for one in metas)
        return sum(allocated(one.parent) for one in metas) / samples if samples else None


class Victoria(Peer):
    name = "victoria"

    def command(self):
        return [
            self.binary,
            f"-storageDataPath={self.data}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            "-search.maxUniqueTimeseries=2000000",
            "-search.maxSeries=2000000",
            "-loggerLevel=ERROR",
        ]

    def durable(self):
        """There is no log: new samples are in memory only until they are written as parts."""
        begin = time.perf_counter()
        while time.perf_counter() - begin < 120:
            if not re.search(r'^vm_(pending_rows\{type="\w+"|rows\{type="\w+/inmemory")\} [1-9]', self.get("/metrics").decode(), re.M):
                break
            time.sleep(0.5)
        return time.perf_counter() - begin

    def settle(self):
        self.get("/internal/force_flush")
        self.rest(quiet=3, longest=120)

    def seal(self, days):
        self.get("/internal/force_merge")
        begin, idle = time.monotonic(), 0
        # It answers at once; merged parts lie beside their origins for a moment.
        while idle < 10 and time.monotonic() - begin < 1800:
            time.sleep(1)
            busy = re.search(r"^vm_active(_force)?_merges(\{[^}]*\})? [1-9]", self.get("/metrics").decode(), re.M)
            idle = 0 if busy else idle + 1
        return days


KINDS = {kind.name: kind for kind in (Belvedere, Prometheus, Victoria)}
