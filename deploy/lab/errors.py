"""What the laboratory says when it cannot go on."""


class LabError(Exception):
    """The laboratory could not be built or lost a part of itself; the message says which, and where to look."""
