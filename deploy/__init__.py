"""Puts the gateway somewhere: the laboratory, a real gateway, benchmarks."""
