from datetime import timedelta

from sqlalchemy import select

from portal.console import signins
from portal.console.tables import StaffSignIn
from tests.unit.portal.console.conftest import Console


def begin(console: Console, agent: str = "browser") -> str:
    with console.database.begin() as connection:
        return signins.begin(connection, "budi", "192.0.2.1", agent, console.clock.at)


def holds(console: Console, token: str, active: bool = True) -> bool:
    with console.database.begin() as connection:
        return signins.find(connection, token, console.clock.at, active=active) is not None


def test_the_database_does_not_know_the_token(console: Console) -> None:
    console.add("budi")
    token = begin(console)
    assert len(token) == 43  # 256 bits in base64
    with console.database.begin() as connection:
        row = connection.execute(select(StaffSignIn.__table__)).one()
    assert not any(token in str(value) for value in row)
    assert holds(console, token)
    assert not holds(console, row.token_hash)


def test_an_idle_sign_in_ends(console: Console) -> None:
    console.add("budi")
    token = begin(console)
    for _ in range(3):
        console.clock.wait(minutes=29)
        assert holds(console, token)
    console.clock.wait(minutes=31)
    assert not holds(console, token)


def test_a_page_that_renews_itself_does_not_keep_it_alive(console: Console) -> None:
    console.add("budi")
    token = begin(console)
    console.clock.wait(minutes=29)
    assert holds(console, token, active=False)
    console.clock.wait(minutes=2)
    assert not holds(console, token, active=False)


def test_no_sign_in_outlives_a_shift(console: Console) -> None:
    console.add("budi")
    token = begin(console)
    for _ in range(35):
        console.clock.wait(minutes=20)
        assert holds(console, token)
    console.clock.at += timedelta(minutes=20)
    assert not holds(console, token)


def test_ending_one_all_or_all_but_one(console: Console) -> None:
    console.add("budi")
    tokens = [begin(console) for _ in range(4)]
    now = console.clock.at
    with console.database.begin() as connection:
        listed = signins.of_account(connection, "budi", now)
        assert len(listed) == 4
        assert signins.end(connection, "ani", now, only=listed[0].id) == 0
        assert signins.end(connection, "budi", now, only=listed[0].id) == 1
        assert signins.end(connection, "budi", now, but=listed[1].id) == 2
    assert sum(holds(console, token) for token in tokens) == 1


def test_a_browser_s_name_is_cut_and_cleaned(console: Console) -> None:
    console.add("budi")
    begin(console, "a\x00\x1b[31m" + "b" * 500)
    with console.database.begin() as connection:
        agent = connection.execute(select(StaffSignIn.agent)).scalar_one()
    assert agent.isprintable()
    assert len(agent) == 200
