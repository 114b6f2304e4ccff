import re

from tests.unit.portal.console.conftest import PASSWORD, Console

NEW = "lima perahu hijau pulang"


def test_changing_the_password_ends_every_other_sign_in(console: Console) -> None:
    staff = console.staff(name="budi")
    other = console.browser()
    other.sign_in("budi", PASSWORD)
    assert other.get("/").status_code == 200
    assert staff.post("/akun", current=PASSWORD, password=NEW, again=NEW).location == "/akun"
    assert staff.get("/").status_code == 200
    assert other.get("/").status_code == 302
    assert console.browser().sign_in("budi", PASSWORD).status_code == 401
    assert console.browser().sign_in("budi", NEW).status_code == 302


def test_the_present_password_is_asked_for_and_limited(console: Console) -> None:
    staff = console.staff(name="budi")
    for _ in range(6):
        assert "Bukan kata sandi Anda" in staff.post("/akun", current="guess", password=NEW, again=NEW).text
    assert "Bukan kata sandi Anda" in staff.post("/akun", current=PASSWORD, password=NEW, again=NEW).text
    console.clock.wait(minutes=1)
    assert staff.post("/akun", current=PASSWORD, password=NEW, again=NEW).status_code == 302


def test_a_weak_password_is_refused(console: Console) -> None:
    staff = console.staff(name="budi")
    answer = staff.post("/akun", current=PASSWORD, password="pendek", again="pendek")
    assert "Terlalu pendek" in answer.text


def test_one_sees_and_revokes_one_s_own_sign_ins_only(console: Console) -> None:
    staff, stranger = console.staff(name="budi"), console.staff(name="ani")
    other = console.browser("198.51.100.7")
    other.sign_in("budi", PASSWORD)
    page = staff.get("/akun").text
    assert "198.51.100.7" in page
    (path,) = re.findall(r'action="(/akun/login/[^"]+/cabut)"', page)
    assert stranger.post(path, page="/").status_code == 404
    assert other.get("/").status_code == 200
    assert staff.post(path, page="/akun").location == "/akun"
    assert other.get("/").status_code == 302
    assert staff.get("/").status_code == 200
