"""The counts for Prometheus, by prometheus_client (the extra `prometheus`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nlinkshim.engines.watch.result import Summary
from nlinkshim.errors import IncompleteError, UsageError

if TYPE_CHECKING:
    from prometheus_client.core import Metric

LABELS = ("path", "what")


class Metrics:
    """The metrics of a watch; each collection asks `summaries` anew."""

    def __init__(self, summaries: Callable[[], Iterable[Summary]], rto: float | None) -> None:
        """Raises:
        UsageError: prometheus_client is not installed.
        """
        try:
            from prometheus_client import CollectorRegistry
        except ImportError:
            raise UsageError(
                "prometheus_client is not installed; pip install 'nlinkshim[prometheus]'"
            ) from None
        self._summaries, self._rto = summaries, rto
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def write(self, file: Path) -> None:
        """For the textfile collector of node_exporter; whole or not at all.

        Raises:
            IncompleteError: it cannot be written.
        """
        from prometheus_client import write_to_textfile

        try:
            write_to_textfile(str(file), self._registry)
        except OSError as error:
            raise IncompleteError(f"{file}: {error.strerror}") from None

    def serve(self, address: str, port: int) -> None:
        """Answer at /metrics from now on, in a thread that ends with the process.

        Raises:
            IncompleteError: nobody can be answered there.
        """
        from prometheus_client import start_http_server

        try:
            start_http_server(port, address, self._registry)
        except OSError as error:
            raise IncompleteError(f"{address}:{port}: {error.strerror}") from None

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client calls."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        up = GaugeMetricFamily("nlinkshim_watch_up", "Whether the last look was good.", labels=LABELS)
        looks = CounterMetricFamily("nlinkshim_watch_looks", "Looks that came back.", labels=LABELS)
        longest = GaugeMetricFamily(
            "nlinkshim_watch_longest_outage_seconds",
            "The longest outage, one that lasts included.",
            labels=LABELS,
        )
        over = CounterMetricFamily(
            "nlinkshim_watch_outages_over_rto", "Outages longer than --rto.", labels=LABELS
        )
        began = CounterMetricFamily(
            "nlinkshim_watch_outages", "Outages, by the kind they began as.", labels=(*LABELS, "kind")
        )
        seconds = CounterMetricFamily(
            "nlinkshim_watch_outage_seconds",
            "Time in outages, one that lasts included.",
            labels=(*LABELS, "kind"),
        )
        for summary in self._summaries():
            labels = _text(summary.path), summary.what
            up.add_metric(labels, summary.up)
            looks.add_metric(labels, summary.looks)
            longest.add_metric(labels, summary.longest)
            over.add_metric(labels, summary.over)
            for kind, tally in summary.kinds.items():
                began.add_metric((*labels, kind), tally.began)
                seconds.add_metric((*labels, kind), tally.seconds)
        yield from (up, looks, longest, over, began, seconds)
        if self._rto is not None:
            rto = GaugeMetricFamily("nlinkshim_watch_rto_seconds", "How long an outage may last.")
            rto.add_metric((), self._rto)
            yield rto


def _text(path: str) -> str:
    """A label is UTF-8."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")
