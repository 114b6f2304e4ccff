"""Decides what may pass and makes the kernel obey."""
