import pytest
from sqlalchemy import text

from portal.console.queries import PAGE
from tests.unit.portal.console.conftest import Console


def test_an_empty_list_says_what_will_come(console: Console) -> None:
    page = console.staff().get("/").text
    assert "Belum ada yang masuk" in page
    assert "Pemantau belum pernah membaca" in page


def test_the_live_list_shows_pseudonyms_and_figures(console: Console) -> None:
    staff = console.staff()
    visit = console.visit(person="deadbeef" * 4)
    console.read(**{visit.replace("-", "_"): (0, 0)})
    console.clock.wait(seconds=5)
    console.read(**{visit.replace("-", "_"): (1_000, 2_500_000)})
    page = staff.get("/").text
    for words in (
        "deadbeef<",
        "Taman Bekapai",
        "2,50\N{NO-BREAK SPACE}MB",
        "4,00\N{NO-BREAK SPACE}Mbit/s",
        "aktif",
    ):
        assert words in page
    assert "Pemantau tidak menjawab" not in page
    console.clock.wait(seconds=60)
    assert "Pemantau tidak menjawab: angka di bawah ini dari pukul 10:00:35" in staff.get("/").text


def test_searching_sorting_and_pages_are_the_server_s(console: Console) -> None:
    staff = console.staff()
    for number in range(PAGE + 10):
        console.visit(person=f"{number:032x}"[::-1])
    console.visit(person="fa" * 16, hotspot="Lapangan <Merdeka>")
    first, second = staff.get("/").text, staff.get("/?halaman=2").text
    assert first.count('role="rowheader"') == PAGE
    assert second.count('role="rowheader"') == 11
    assert "Halaman 1 dari 2" in first
    found = staff.get("/?cari=merdeka").text
    assert found.count('role="rowheader"') == 1
    assert "Lapangan &lt;Merdeka&gt;" in found
    assert staff.get("/?cari=FAFA").text.count('role="rowheader"') == 1
    assert "Tidak ada sesi yang cocok" in staff.get("/?cari=%25").text


@pytest.mark.parametrize(
    "query", ["halaman=-1", "halaman=x", "halaman=" + "9" * 4000, "urut=x", "cari=%00%ff'", "x=%ff"]
)
def test_odd_questions_get_a_page(console: Console, query: str) -> None:
    assert console.staff().get(f"/?{query}").status_code == 200


def test_a_session_with_its_minutes(console: Console) -> None:
    staff = console.staff()
    visit = console.visit()
    console.read(**{visit.replace("-", "_"): (1_000_000, 2_000_000)})
    page = staff.get(f"/sesi/{visit}").text
    assert "2,00\N{NO-BREAK SPACE}MB" in page
    assert ">10:00<" in page
    assert "Akhiri sesi" in page
    assert staff.get("/sesi/nothing").status_code == 404


def test_ending_needs_a_reason_and_a_confirmation(console: Console) -> None:
    staff = console.staff(name="budi")
    visit = console.visit()
    path = f"/sesi/{visit}/akhiri"
    assert "Alasan" in staff.get(path).text
    assert "Tulis alasannya" in staff.post(path, reason="  ").text
    assert "5 sampai 200" in staff.post(path, reason="a").text
    assert staff.send(path, reason="surel sampah").status_code == 400
    assert staff.post(path, reason="surel  sampah").location == f"/sesi/{visit}"
    page = staff.get(f"/sesi/{visit}").text
    assert "diakhiri operator" in page
    assert staff.get(path).location == f"/sesi/{visit}"
    log = console.staff(role="auditor").get("/audit").text
    assert "mengakhiri sesi" in log
    assert "surel sampah" in log
    assert "budi" in log


def test_an_enforcer_that_is_away_is_said(console: Console) -> None:
    staff = console.staff()
    visit = console.visit()
    console.enforcer.socket.unlink()
    answer = staff.post(f"/sesi/{visit}/akhiri", reason="surel sampah")
    assert answer.status_code == 503
    assert "Sesi belum diakhiri" in answer.text


@pytest.mark.parametrize("role", ["auditor", "approver", "leader"])
def test_others_look_on(console: Console, role: str) -> None:
    staff = console.staff(role=role)
    visit = console.visit()
    page = staff.get(f"/sesi/{visit}")
    assert page.status_code == 200
    assert "Akhiri sesi" not in page.text
    assert staff.get(f"/sesi/{visit}/akhiri").status_code == 403
    assert staff.post(f"/sesi/{visit}/akhiri", page="/", reason="surel sampah").status_code == 403


@pytest.mark.parametrize(
    ("role", "status"), [("operator", 403), ("leader", 403), ("auditor", 200), ("admin", 200)]
)
def test_the_audit_log_is_for_auditors(console: Console, role: str, status: int) -> None:
    assert console.staff(role=role).get("/audit").status_code == status


def test_a_database_that_fails_gets_a_page_too(console: Console) -> None:
    staff = console.staff()
    console.app.config["PROPAGATE_EXCEPTIONS"] = False
    with console.database.begin() as connection:
        connection.execute(text("DROP TABLE staff_sign_ins"))
    answer = staff.get("/")
    assert answer.status_code == 500
    assert "Pengunjung tetap terhubung" in answer.text
