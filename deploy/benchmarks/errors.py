"""What the benchmarks say when a figure cannot be measured."""


class BenchError(Exception):
    """Something that must hold while measuring did not; the message says what, and where to look."""
