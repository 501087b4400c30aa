"""A Prometheus and an appliance on free loopback ports, each in a directory of its own."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import wire


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A child process that speaks Prometheus' API at `url`."""

    def __init__(self, name, command, folder, url):
        self.name, self.folder, self.url = name, folder, url
        self.log = open(Path(folder.name) / "log", "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=folder.name)

    def wait(self, ready):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                self.url = ready() or self.url
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                    if answer.status == 200:
                        return self
            except (OSError, ValueError, KeyError):
                time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"{self.name} is not ready")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.log.close()
        self.folder.cleanup()

    def write(self, all_series, slice_ms=600_000):
        """Writes series in slices of time, so that no sample comes out of order."""
        starts = [points[0][0] for _, points in all_series if points]
        ends = [points[-1][0] for _, points in all_series if points]
        for begin in range(min(starts), max(ends) + 1, slice_ms):
            whole = []
            for labels, points in all_series:
                inside = [one for one in points if begin <= one[0] < begin + slice_ms]
                if len({isinstance(value, wire.Histogram) for _, value in inside}) < 2:
                    whole.append((labels, inside))
                    continue
                # Receivers take the floats of a request before its histograms, whatever their times.
                for point in inside:
                    self._post([(labels, [point])])
            self._post([one for one in whole if one[1]])

    def _post(self, all_series):
        body = b"".join(wire.series(labels, points) for labels, points in all_series)
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        request = urllib.request.Request(f"{self.url}/api/v1/write", wire.snappy(body), headers)
        try:
            urllib.request.urlopen(request, timeout=60).close()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{self.name} refused: {error.code} {error.read()[:500]}") from error

    def ask(self, path, **parameters):
        """Asks and returns the JSON answer, whatever its status."""
        body = urllib.parse.urlencode(parameters).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", body)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read()
            try:
                return json.loads(text)
            except ValueError:
                return {"status": "error", "errorType": str(error.code), "error": text.decode(errors="replace")}


def appliance(binary):
    folder = tempfile.TemporaryDirectory(prefix="belvedere-differential-")
    root = Path(folder.name)
    config = root / "belvedere.yaml"
    config.write_text(
        "listen: {http: '127.0.0.1:0', otlp_http: '127.0.0.1:0', otlp_grpc: '127.0.0.1:0'}\n"
        "telemetry: {self: false}\nhost: {enabled: false}\nrule_packs: []\n"
    )
    command = [os.path.abspath(binary), "serve", "--config", str(config), "--data-dir", str(root / "data")]
    server = Server("belvedere", command, folder, None)
    return server.wait(lambda: json.loads((root / "data" / "endpoint.json").read_text())["http"])


FEATURES = [
    "promql-experimental-functions",
    "promql-duration-expr",
    "promql-delayed-name-removal",
    "promql-extended-range-selectors",
    "promql-binop-fill-modifiers",
    "promql-per-step-stats",
    "use-start-timestamps",
]


def version(binary):
    found = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    words = (found.stdout + found.stderr).split()
    return tuple(int(part) for part in words[words.index("version") + 1].rstrip(",").split("+")[0].split(".")[:2])


def prometheus(binary):
    folder = tempfile.TemporaryDirectory(prefix="prometheus-differential-")
    root, port = Path(folder.name), free_port()
    (root / "prometheus.yml").write_text("global: {}\n")
    features = FEATURES if version(binary) >= (3, 0) else ["native-histograms"]
    command = [
        binary,
        f"--config.file={root}/prometheus.yml",
        f"--storage.tsdb.path={root}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        f"--enable-feature={','.join(features)}",
    ]
    url = f"http://127.0.0.1:{port}"
    return Server("prometheus", command, folder, url).wait(lambda: url)
