"""A chain of rules, as text."""

from __future__ import annotations

from dataclasses import dataclass

#: Connections that one phone may hold to the gateway and the garden. Browsers open 6 per host and name; a phone
#: that holds more than this hurts itself only.
CONNECTIONS = 48


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain; ``hook`` is its base chain declaration, empty for one that others jump to."""

    name: str
    hook: str
    rules: tuple[str, ...]

    def text(self, rules: bool) -> str:
        """nft's own words for it; without ``rules`` only what a running table cannot change."""
        lines = [f"\tchain {self.name} {{"]
        if self.hook:
            lines.append(f"\t\t{self.hook}")
        if rules:
            lines += [f"\t\t{rule}" for rule in self.rules]
        return "\n".join([*lines, "\t}"])
