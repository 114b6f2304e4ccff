import pytest

from deploy.benchmarks.errors import BenchError
from deploy.benchmarks.redirecting import requests_per_second

REPORT = """\
Running 2s test @ http://203.0.113.60/generate_204
  1 threads and 24 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     9.83ms    2.40ms  38.06ms   86.79%
  4846 requests in 2.00s, 577.36KB read
Requests/sec:   2419.61
Transfer/sec:    288.27KB
"""


def test_the_rate_is_read_from_the_report() -> None:
    assert requests_per_second(REPORT) == 2419.61


@pytest.mark.parametrize("report", ["", REPORT + "  Non-2xx or 3xx responses: 3\n"])
def test_a_report_without_a_rate_or_with_errors_is_no_measurement(report: str) -> None:
    with pytest.raises(BenchError):
        requests_per_second(report)
