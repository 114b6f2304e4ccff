"""A sandbox phone app: holds a key, signs a resident in at BSW, and gets this phone or another device online.

It speaks the contract of the city's app and nothing else, so that people, tests and benchmarks can be the app.
"""

from deploy.sandbox.phone_app.app import Challenge, PhoneApp, Refused, http_session
from deploy.sandbox.phone_app.wallet import Wallet

__all__ = ["Challenge", "PhoneApp", "Refused", "Wallet", "http_session"]
