from prometheus_client import CollectorRegistry, generate_latest

from monitoring.metrics import Metrics
from policy.model import Usage

LABELS = {"direction", "cause", "le", "version", "python"}


def test_names_and_labels_keep_the_rules() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    for family in registry.collect():
        assert family.name.startswith("gerbang_")
        assert family.documentation.endswith(".")
        assert {label for sample in family.samples for label in sample.labels} <= LABELS


def test_every_series_is_there_before_anything_happened() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    page = generate_latest(registry).decode()
    for line in (
        'gerbang_traffic_bytes_total{direction="up"} 0.0',
        'gerbang_traffic_packets_total{direction="down"} 0.0',
        'gerbang_readings_failed_total{cause="enforcer"} 0.0',
        "gerbang_enforcer_up 0.0",
    ):
        assert line in page


def test_two_monitors_do_not_share() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    Metrics(first).moved(Usage(1, 2, 3, 4))
    Metrics(second)
    assert first.get_sample_value("gerbang_traffic_packets_total", {"direction": "down"}) == 4
    assert second.get_sample_value("gerbang_traffic_packets_total", {"direction": "down"}) == 0
