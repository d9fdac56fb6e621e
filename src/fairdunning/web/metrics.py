"""What Prometheus reads: latency, outcomes by constraint, engine trouble, reservations, how far sealing lags."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.seconds = Histogram("fairdunning_check_seconds", "Time of a check", registry=self.registry,
                                 buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5))
        self.outcomes = Counter("fairdunning_checks", "Checks by outcome and cause", ["outcome", "cause"], registry=self.registry)
        self.findings = Counter("fairdunning_findings", "Findings by constraint and outcome", ["constraint", "outcome"], registry=self.registry)
        self.reservations = Counter("fairdunning_reservations", "Reservations made, committed and cancelled", ["state"], registry=self.registry)
        self.engine_alone = Gauge("fairdunning_engine_alone", "1 when the compiled engine runs alone", registry=self.registry)
        self.unsealed = Gauge("fairdunning_unsealed_records", "Records that wait for the sealer", registry=self.registry)
        self.lag = Gauge("fairdunning_audit_lag_seconds", "How long the oldest of them has waited", registry=self.registry)

    def checked(self, envelope: dict[str, Any], seconds: float) -> None:
        """Counts one answer."""
        self.seconds.observe(seconds)
        self.outcomes.labels(envelope["outcome"], envelope["cause"]).inc()
        for finding in (envelope["verdict"] or {}).get("findings", ()):
            self.findings.labels(finding["constraint"], finding["outcome"]).inc()
        if envelope["reservation"]:
            self.reservations.labels("reserved").inc()

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
