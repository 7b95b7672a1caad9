"""What the service counts, in Prometheus' text format."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
_PREFIX = "recbole_iacn"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Meters:
    """Counters of one service, in a registry of its own: two services in one process do not mix.

    Args:
        paths (tuple of str): paths that are counted by name; all others are ``other``, so that clients cannot make
            counters.
    """

    def __init__(self, paths: tuple[str, ...]) -> None:
        self._paths = paths
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            f"{_PREFIX}_requests", "Requests by path and status.", ["path", "status"], registry=registry
        )
        self._seconds = Histogram(
            f"{_PREFIX}_request_seconds", "Seconds per request.", ["path"], buckets=_SECONDS, registry=registry
        )
        self._batch = Histogram(
            f"{_PREFIX}_batch_histories",
            "Histories that the model reads at once.",
            buckets=_BATCH,
            registry=registry,
        )
        self._waiting = Gauge(f"{_PREFIX}_waiting_requests", "Requests that wait for the model.", registry=registry)
        self._unknown = Counter(
            f"{_PREFIX}_unknown", "Tokens that the bundle does not know, by kind.", ["kind"], registry=registry
        )
        self._reloads = Counter(f"{_PREFIX}_reloads", "Reloads by result.", ["result"], registry=registry)
        self._bundle = Info(f"{_PREFIX}_bundle", "The bundle that is served.", registry=registry)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count one request."""
        path = path if path in self._paths else "other"
        self._requests.labels(path, status).inc()
        self._seconds.labels(path).observe(seconds)

    def batch(self, histories: int) -> None:
        """Count one batch."""
        self._batch.observe(histories)

    def waiting(self, requests: int) -> None:
        """Set the number of requests that wait."""
        self._waiting.set(requests)

    def unknown(self, counts: Mapping[str, int]) -> None:
        """Count unknown tokens."""
        for kind, count in counts.items():
            self._unknown.labels(kind).inc(count)

    def reload(self, result: str) -> None:
        """Count one reload: ``done`` or ``failed``."""
        self._reloads.labels(result).inc()

    def bundle(self, facts: Mapping[str, str]) -> None:
        """Set what is served."""
        self._bundle.info(dict(facts))

    def text(self) -> bytes:
        """All counters."""
        return generate_latest(self._registry)
