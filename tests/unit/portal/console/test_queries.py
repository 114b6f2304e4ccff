from datetime import timedelta

from monitoring.recording import record
from policy.model import EndedSession, Observation, Usage
from portal.console import queries
from portal.console.queries import Order
from tests.unit.portal.console.conftest import Console


def listed(console: Console, order: Order = Order.RATE, search: str = "") -> list[str]:
    with console.database.begin() as connection:
        found, total = queries.live(connection, console.clock.at, search, order, 1)
    assert total == len(found)
    return [session.id for session in found]


def test_only_sessions_that_may_pass_are_live(console: Console) -> None:
    here = console.visit()
    console.visit(minutes=-1)
    measured = console.visit()
    over = [EndedSession(measured, Usage(1, 1, 1, 1), console.clock.at, "quota")]
    record(console.database, Observation("boot", [], over), console.clock.at)
    assert listed(console) == [here]
    with console.database.begin() as connection:
        ended = queries.session(connection, measured)
    assert ended is not None
    assert (ended.end_reason, ended.over(console.clock.at)) == ("quota", True)


def test_orders(console: Console) -> None:
    slow, fast, quiet = (console.visit() for _ in range(3))
    big = {slow.replace("-", "_"): (9_000, 0), fast.replace("-", "_"): (0, 0)}
    console.read(**big)
    console.clock.wait(seconds=5)
    console.read(**{**big, slow.replace("-", "_"): (9_001, 0), fast.replace("-", "_"): (100, 100)})
    assert listed(console)[:2] == [fast, slow]
    assert listed(console)[2] == quiet
    assert listed(console, Order.BYTES)[0] == slow


def test_the_hour_is_sixty_whole_minutes_before_this_one(console: Console) -> None:
    hour = queries.hour_before(console.clock.at)
    assert len(hour) == 60
    assert hour[-1] == console.clock.at.replace(second=0) - timedelta(minutes=1)
    assert hour[0] == console.clock.at.replace(second=0) - timedelta(minutes=60)
