"""What users', scenarios' and items' prompts leave out, and in which order, to become shorter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from recbole_llm4msr.knowledge.prompts.budget import (
    ShrinkingPrompt,
    first_pieces,
    in_turns,
    piece_count,
)

FEW_WORDS = 8  # a text shortened to these still says what it is about
FEW_OVERLAPS = 3  # figures on a scenario's nearest ones say more than the names of far ones
DESCRIBED, NAMED, OWN = range(3)
"""How a user's prompt lists the scenarios: described, by name, only those of the user by name."""


class UserPrompt(ShrinkingPrompt):
    """A user's prompt, which loses first what says least of the user.

    The oldest items go first, in turns between the scenarios, down to the newest of each; then
    frequent entries, the profile from its end, and words of the newest items' texts; then whole
    scenarios, that of the newest item last; then more words of its text; at last the list of
    scenarios becomes shorter.

    Args:
        write: Renders and wraps ``(history, profile, listing)``.
        history: Structs of :func:`~.profiles.user_histories`.
        profile: Profile fields of the user.
        listing: ``DESCRIBED``, ``NAMED`` or ``OWN``, the fullest list of scenarios.
    """

    def __init__(
        self,
        write: Callable[[list[dict], Mapping[str, str], int], str],
        history: list[dict],
        profile: Mapping[str, str],
        listing: int,
    ) -> None:
        self.write, self.history, self.profile = write, history, profile
        self.listing = listing

    def full(self) -> str:
        """See :class:`~.budget.ShrinkingPrompt`."""
        return self.write(self.history, self.profile, self.listing)

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """Items, frequent entries, profile, words, scenarios, last words, list of scenarios."""
        scenarios = len(self.history)
        return (
            sum(len(part["recent"]) for part in self.history) - scenarios,
            sum(len(part["frequent"]) for part in self.history),
            len(self.profile),
            max(0, self._words - FEW_WORDS),
            scenarios - 1,
            max(0, min(FEW_WORDS, self._words) - 1),
            OWN - self.listing,
        )

    @cached_property
    def _words(self) -> int:
        """Pieces of the longest of the scenarios' newest texts."""
        return max(piece_count(part["recent"][0]) for part in self.history)

    def shortened(self, *taken: int) -> str:
        """See :class:`~.budget.ShrinkingPrompt`."""
        items, frequent, profile, words, scenarios, last_words, listing = taken
        most = self._words - words - last_words
        recent, often = self._kept("recent", items), self._kept("frequent", frequent)
        history = [
            {
                **part,
                "recent": [first_pieces(text, most) for text in part["recent"][:n]]
                if words or last_words
                else part["recent"][:n],
                "frequent": part["frequent"][:m],
            }
            for part, n, m in zip(self.history, recent, often, strict=True)
            if part["turn"] < len(self.history) - scenarios
        ]
        fields = list(self.profile.items())[: len(self.profile) - profile]
        return self.write(history, dict(fields), self.listing + listing)

    def _kept(self, name: str, dropped: int) -> list[int]:
        lengths = [len(part[name]) for part in self.history]
        turns = [part["turn"] for part in self.history]
        return in_turns(lengths, turns, sum(lengths) - dropped)


class ScenarioPrompt(ShrinkingPrompt):
    """A scenario's prompt, which loses what it says of other scenarios before its own figures.

    Names of leading entries are shortened first. Of the other scenarios those with the smallest
    overlap go first: their overlaps, their leading entries, their figures and description; then
    the target's overlaps with them, down to a few; then their names. What is left is the target's:
    its last overlaps, its leading entries and its description.

    Args:
        write: Renders and wraps ``(target, others, scenarios)``.
        statistics: All scenarios, in id order.
        place: Place of the target among them.
    """

    def __init__(
        self,
        write: Callable[[dict, list[dict], list[dict]], str],
        statistics: Sequence[dict[str, Any]],
        place: int,
    ) -> None:
        self.write, self.place = write, place
        self.target = {**statistics[place], "name_only": False}
        self.others = [
            {
                **other,
                # Only what concerns the target: S lines, not S squared.
                "overlaps": [other["overlaps"][place - (at < place)]],
                "name_only": False,
            }
            for at, other in enumerate(statistics)
            if at != place
        ]
        shares = [o["user_share"] + o["item_share"] for o in self.target["overlaps"]]
        nearest = sorted(range(len(shares)), key=lambda at: (-shares[at], at))
        self._near = {at: near for near, at in enumerate(nearest)}

    def full(self) -> str:
        """See :class:`~.budget.ShrinkingPrompt`."""
        return self._written(self.target, self.others)

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """Words; others' overlaps, leading, figures; own overlaps; names; overlaps; own rest."""
        others = len(self.others)
        few = min(FEW_OVERLAPS, others)
        return (
            max(0, self._words - FEW_WORDS),
            others,
            others,
            others,
            others - few,
            others,
            few,
            len(self.target["leading"]),
            piece_count(self.target["description"]),
        )

    @cached_property
    def _words(self) -> int:
        """Pieces of the longest name of a leading entry."""
        entries = [entry for s in [self.target, *self.others] for entry in s["leading"]]
        return max((piece_count(entry["name"]) for entry in entries), default=0)

    def shortened(self, *taken: int) -> str:
        """See :class:`~.budget.ShrinkingPrompt`."""
        words, overlaps, leading, figures, own, names, last, own_leading, described = taken
        most = self._words - words if words else None
        target, n = self.target, len(self.others)
        kept = [o for at, o in enumerate(target["overlaps"]) if self._near[at] < n - own - last]
        text = target["description"]
        target = {
            **target,
            "overlaps": kept,
            "leading": _brief(target["leading"], most)[: len(target["leading"]) - own_leading],
            "description": first_pieces(text, piece_count(text) - described) if described else text,
        }
        others = []
        for at, other in enumerate(self.others):
            near = self._near[at]
            if near < n - names:
                named = near >= n - figures
                others.append(
                    {
                        **other,
                        "overlaps": other["overlaps"] if near < n - overlaps else [],
                        "leading": _brief(other["leading"], most) if near < n - leading else [],
                        "description": "" if named else other["description"],
                        "name_only": named,
                    }
                )
        return self._written(target, others)

    def _written(self, target: dict, others: list[dict]) -> str:
        known = {other["scenario"] for other in others}
        before = sum(other["scenario"] in known for other in self.others[: self.place])
        return self.write(target, others, [*others[:before], target, *others[before:]])


def _brief(entries: Sequence[dict], words: int | None) -> list[dict]:
    """Shorten the names of entries to so many pieces."""
    if words is None:
        return list(entries)
    return [{**entry, "name": first_pieces(entry["name"], words)} for entry in entries]


class ItemPrompt(ShrinkingPrompt):
    """An item's prompt: the text is shortened to a few words, then the category, then the rest.

    Args:
        write: Renders ``(text, category)``.
        text: The item's text.
        category: The item's category, ``None`` where unknown.
    """

    def __init__(
        self, write: Callable[[str, str | None], str], text: str, category: str | None
    ) -> None:
        self.write, self.text, self.category = write, text, category

    def full(self) -> str:
        """See :class:`~.budget.ShrinkingPrompt`."""
        return self.write(self.text, self.category)

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """Words of the text, words of the category, last words of the text."""
        few = min(self._words, FEW_WORDS)
        return self._words - few, piece_count(self.category or ""), max(0, few - 1)

    @cached_property
    def _words(self) -> int:
        """Pieces of the text."""
        return piece_count(self.text)

    def shortened(self, *taken: int) -> str:
        """See :class:`~.budget.ShrinkingPrompt`."""
        words, category, last = taken
        text = first_pieces(self.text, self._words - words - last)
        left = first_pieces(self.category or "", self.steps[1] - category)
        return self.write(text, left or None)
