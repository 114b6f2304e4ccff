"""Records what happened: usage, audit, metrics."""
