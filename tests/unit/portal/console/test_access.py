import pytest
from sqlalchemy import text

from portal.console.access import local_path
from tests.unit.portal.console.conftest import PASSWORD, Browser, Console


def cookie(browser: Browser) -> str:
    found = browser.client.get_cookie("__Host-gerbang_console", domain="console.balikpapan.test")
    return found.value if found else ""


@pytest.mark.parametrize("path", ["/", "/sesi/x", "/sesi/x/akhiri", "/audit", "/akun", "/sandi"])
def test_nothing_is_shown_to_strangers(console: Console, path: str) -> None:
    answer = console.browser().get(path)
    assert answer.status_code == 302
    assert answer.location.startswith("/masuk")


def test_the_first_sign_in_leads_to_a_password_of_one_s_own(console: Console) -> None:
    console.add("budi")
    browser = console.browser()
    assert browser.sign_in("budi", console.one_time["budi"]).location == "/"
    for path in ("/", "/akun", "/audit"):
        assert browser.get(path).location == "/sandi"
    assert "Mudah ditebak" in browser.post("/sandi", password="balikpapan2026", again="balikpapan2026").text
    assert "tidak sama" in browser.post("/sandi", password=PASSWORD, again="other").text
    assert browser.post("/sandi", password=PASSWORD, again=PASSWORD).location == "/"
    assert browser.get("/").status_code == 200
    assert browser.get("/sandi").location == "/akun"
    assert console.browser().sign_in("budi", console.one_time["budi"]).status_code == 401


def test_the_cookie_is_new_at_every_step_and_the_old_one_worthless(console: Console) -> None:
    console.add("budi")
    browser = console.browser()
    browser.get("/masuk")
    before = cookie(browser)
    browser.sign_in("budi", console.one_time["budi"])
    one_time = cookie(browser)
    browser.post("/sandi", password=PASSWORD, again=PASSWORD)
    assert len({before, one_time, cookie(browser)}) == 3
    thief = console.browser()
    thief.client.set_cookie(
        "__Host-gerbang_console", one_time, domain="console.balikpapan.test", secure=True, path="/"
    )
    assert thief.get("/").location.startswith("/masuk")


def test_the_cookie_is_bound_to_this_host(console: Console) -> None:
    (line,) = console.browser().get("/masuk").headers.getlist("Set-Cookie")
    assert line.startswith("__Host-gerbang_console=")
    for word in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert word in line
    assert "Domain" not in line
    assert "Expires" not in line


def test_wrong_words_tell_nothing_and_are_slowed(console: Console) -> None:
    console.add("budi")
    browser = console.browser()
    known, unknown = browser.sign_in("budi", "wrong"), browser.sign_in("nobody", "wrong")
    assert known.status_code == unknown.status_code == 401
    assert "tidak cocok" in known.text
    assert "tidak cocok" in unknown.text
    for _ in range(4):
        browser.sign_in("budi", "wrong")
    slowed = browser.sign_in("budi", console.one_time["budi"])
    assert slowed.status_code == 429
    assert "Coba lagi dalam 1 menit" in slowed.text


def test_a_form_without_our_token_changes_nothing(console: Console) -> None:
    console.add("budi")
    browser = console.browser()
    answer = browser.send("/masuk", name="budi", password=console.one_time["budi"])
    assert answer.status_code == 400
    assert "Tidak ada yang diubah" in answer.text
    assert browser.get("/").status_code == 302


def test_a_form_from_elsewhere_changes_nothing(console: Console) -> None:
    staff = console.staff()
    assert staff.send("/keluar", referrer="https://evil.test/").status_code == 400
    assert staff.get("/").status_code == 200


def test_signing_out_ends_it_in_the_database_too(console: Console) -> None:
    staff = console.staff()
    kept = cookie(staff)
    assert staff.post("/keluar", page="/").location == "/masuk"
    staff.client.set_cookie(
        "__Host-gerbang_console", kept, domain="console.balikpapan.test", secure=True, path="/"
    )
    assert staff.get("/").location.startswith("/masuk")


def test_idle_staff_are_signed_out_and_led_back(console: Console) -> None:
    staff = console.staff(role="auditor")
    console.clock.wait(minutes=31)
    answer = staff.get("/audit?halaman=1")
    assert answer.location == "/masuk?lanjut=/audit?halaman%3D1"
    back = staff.post(answer.location, name="auditor1", password=PASSWORD)
    assert back.location == "/audit?halaman=1"


def test_a_page_that_renews_itself_is_nobody_at_work(console: Console) -> None:
    staff = console.staff()
    console.clock.wait(minutes=20)
    assert staff.get("/", X_Gerbang_Background="1").status_code == 200
    console.clock.wait(minutes=11)
    assert staff.get("/").status_code == 302


@pytest.mark.parametrize(
    "target", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "", "/a\nb", "\t//x"]
)
def test_a_link_leads_nowhere_else(target: str) -> None:
    assert local_path(target) == ""


def test_an_account_that_is_gone_is_signed_out(console: Console) -> None:
    staff = console.staff()
    with console.database.begin() as connection:
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        connection.execute(text("DELETE FROM staff_sign_ins"))
        connection.execute(text("DELETE FROM staff_accounts"))
    assert staff.get("/").status_code == 302
