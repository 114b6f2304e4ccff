"""The little internet of the laboratory: a Balikpapan Single Window to sign in with, sites, names, certificates.

Nothing that runs on a real gateway imports this package; the gateway meets it only as packets.
"""
