"""What the gateway resolves itself: today the walled garden's names."""
