"""What the pages say: Bahasa Indonesia first, English for whoever's device asks for it."""

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
    "next": "Lanjut",
    "device_title": "Izinkan perangkat",
    "device_code": "Kode di layar perangkat itu",
    "device": "Perangkat",
    "place": "Lokasi",
    "code": "Kode",
    "unnamed": "tidak disebutkan",
    "device_warning": "Izinkan hanya jika perangkat ini ada di depan Anda. Petugas tidak pernah meminta kode.",
    "number": "Pilih nomor yang tampil di layar perangkat itu",
    "deny": "Tolak",
    "allow": "Izinkan",
    "no_device": "Kode ini tidak dikenal atau sudah tidak berlaku. Periksa lagi layar perangkat itu.",
    "no_number": "Pilih dahulu nomor yang tampil di layar perangkat itu.",
    "device_allowed": "Perangkat diizinkan. Sebentar lagi perangkat itu terhubung; halaman ini boleh ditutup.",
    "device_denied": "Permintaan ditolak. Perangkat itu tidak terhubung atas nama Anda.",
    "device_mismatch": "Nomornya tidak cocok, jadi permintaan ditolak. Ulangi dari layar perangkat itu.",
    "logout": "Keluar dari semua",
    "logout_means": "Anda keluar dari aplikasi ini dan semua layanan kota, termasuk WiFi di setiap perangkat.",
    "logged_out": "Anda sudah keluar dari semua layanan.",
    "half_out": "Anda sudah keluar di sini, tetapi satu layanan belum menjawab. Coba lagi beberapa saat lagi.",
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
    "next": "Next",
    "device_title": "Allow a device",
    "device_code": "Code on that device's screen",
    "device": "Device",
    "place": "Place",
    "code": "Code",
    "unnamed": "not named",
    "device_warning": "Allow it only if this device is in front of you. No officer will ever ask you for a code.",
    "number": "Choose the number that the device's screen shows",
    "deny": "Refuse",
    "allow": "Allow",
    "no_device": "This code is not known or no longer valid. Check the device's screen again.",
    "no_number": "First choose the number that the device's screen shows.",
    "device_allowed": "The device is allowed. It will be online in a moment; you may close this page.",
    "device_denied": "The request was refused. The device does not go online in your name.",
    "device_mismatch": "The number does not match, so the request was refused. Start again on the device.",
    "logout": "Sign out everywhere",
    "logout_means": "You are signed out of the app and all city services, with the WiFi of every device.",
    "logged_out": "You are signed out everywhere.",
    "half_out": "You are signed out here, but one service did not answer. Try again in a while.",
}


def language(request: Request) -> str:
    """Return ``en`` where the device prefers English to Indonesian, else ``id``."""
    return request.accept_languages.best_match(("id", "en"), default="id")


def texts(request: Request) -> Mapping[str, str]:
    """Return the words in the request's language."""
    return _ENGLISH if language(request) == "en" else _INDONESIAN
