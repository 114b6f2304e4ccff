"""What a visitor's phone meets: the redirect on plain http, the pages, the captive portal API, sign-in.

Every byte from a phone may be an attack; whoever a phone says it is does not count.
"""
