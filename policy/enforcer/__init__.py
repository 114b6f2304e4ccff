"""The only privileged code: a small server that turns intent into kernel state."""
