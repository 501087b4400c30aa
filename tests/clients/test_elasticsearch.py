"""elasticsearch-py 8 writes (it sends its bulk requests with PUT) and reads back."""

import json
import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from elasticsearch import Elasticsearch, NotFoundError, helpers


class Appliance:
    """The real binary on free ports in a directory of its own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="belvedere-python-")
        root = Path(self.folder.name)
        config = root / "belvedere.yaml"
        config.write_text(
            "listen: {http: '127.0.0.1:0', otlp_http: '127.0.0.1:0', otlp_grpc: '127.0.0.1:0'}\n"
        )
        command = [os.environ["BELVEDERE_BIN"], "serve", "--config", str(config)]
        self.process = subprocess.Popen(
            [*command, "--data-dir", str(root / "data")], stderr=subprocess.DEVNULL
        )
        self.http = self._wait_for(root / "data" / "endpoint.json")

    def _wait_for(self, endpoint):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}")
            try:
                address = json.loads(endpoint.read_text())["http"]
                client = Elasticsearch(address)
                if client.cluster.health()["status"] == "green":
                    return address
            except Exception:  # not yet there, or not yet listening
                time.sleep(0.05)
        raise AssertionError("the appliance is not ready")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.folder.cleanup()


class ElasticsearchPy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.appliance = Appliance()
        cls.client = Elasticsearch(cls.appliance.http)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.appliance.stop()

    def test_the_bulk_helper_writes_and_a_search_finds(self):
        documents = [
            {
                "_index": "python-logs",
                "_id": str(number),
                "@timestamp": "2026-11-23T10:00:00.123Z",
                "message": f"tür {number} opened",
                "level": "warning" if number % 2 else "info",
            }
            for number in range(20)
        ]
        for document in documents:
            document["@timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        written, errors = helpers.bulk(self.client, documents, refresh="wait_for")
        self.assertEqual((written, errors), (20, []))
        found = self.client.search(
            index="python-*", query={"term": {"severity": "warn"}}, size=100
        )
        self.assertEqual(found["hits"]["total"]["value"], 10)
        self.assertEqual(
            {hit["_source"]["level"] for hit in found["hits"]["hits"]}, {"warning"}
        )
        self.assertEqual(self.client.count(index="python-logs")["count"], 20)

    def test_one_bad_document_leaves_its_neighbours_alone(self):
        body = '{"index":{"_index":"mixed","_id":"1"}}\n{"message":"good"}\n'
        body += '{"index":{"_index":"mixed","_id":"2"}}\n{"message": broken}\n'
        body += '{"index":{"_index":"mixed","_id":"3"}}\n{"message":"good too"}\n'
        answer = self.client.bulk(operations=body.splitlines(), refresh=True)
        self.assertTrue(answer["errors"])
        self.assertEqual([item["index"]["status"] for item in answer["items"]], [201, 400, 201])
        self.assertEqual(self.client.count(index="mixed")["count"], 2)

    def test_a_missing_document_and_a_missing_index_are_not_found(self):
        with self.assertRaises(NotFoundError):
            self.client.get(index="mixed", id="no-such-id")
        with self.assertRaises(NotFoundError):
            self.client.search(index="no-such-index")


if __name__ == "__main__":
    unittest.main()
