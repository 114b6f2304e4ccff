"""What the sign-in page says: Bahasa Indonesia first, English for whoever's device asks for it."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Request

_INDONESIAN = {
    "app": "Balikpapan Single Window",
    "sandbox": "Lingkungan uji coba. Ini bukan layanan sungguhan: jangan masukkan PIN asli Anda.",
    "title": "Masuk",
    "for": "Anda masuk untuk memakai",
    "login": "Nomor ponsel atau nama pengguna",
    "pin": "PIN (6 angka)",
    "submit": "Masuk",
    "cancel": "Batal",
    "examples": "Akun contoh",
    "name": "Nama",
    "username": "Nama pengguna",
    "wrong": "Nomor atau nama pengguna dan PIN tidak cocok. Periksa lalu coba lagi.",
    "stale": "Halaman ini sudah terlalu lama terbuka. Kembali ke aplikasi sebelumnya, lalu mulai masuk lagi.",
    "unknown": "Permintaan masuk ini tidak dikenal. Kembali ke aplikasi sebelumnya, lalu mulai masuk lagi.",
    "home": "Di sini warga masuk ke layanan kota. Mulailah dari layanan yang ingin Anda pakai.",
}

_ENGLISH = {
    "app": "Balikpapan Single Window",
    "sandbox": "Test environment. This is not a real service: do not enter your real PIN.",
    "title": "Sign in",
    "for": "You are signing in to use",
    "login": "Phone number or user name",
    "pin": "PIN (6 digits)",
    "submit": "Sign in",
    "cancel": "Cancel",
    "examples": "Example accounts",
    "name": "Name",
    "username": "User name",
    "wrong": "The number or user name and the PIN do not match. Check them and try again.",
    "stale": "This page was open for too long. Go back to the previous app and start again.",
    "unknown": "This sign-in request is not known. Go back to the previous app and start again.",
    "home": "Residents sign in to city services here. Start from the service that you want to use.",
}


def language(request: Request) -> str:
    """Return ``en`` where the device prefers English to Indonesian, else ``id``."""
    return request.accept_languages.best_match(("id", "en"), default="id")


def texts(request: Request) -> Mapping[str, str]:
    """Return the words in the request's language."""
    return _ENGLISH if language(request) == "en" else _INDONESIAN
