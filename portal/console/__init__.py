"""The console: where the staff of the city watch sessions, end them, and are held to account."""
