"""Lets people in: visitors through Balikpapan Single Window, staff through the console."""
