"""Shorten prompts of users, scenarios and items: what they leave out, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from recbole_llm4msr.knowledge.prompts.cut_to_budget import (
    ShrinkingPrompt,
    first_pieces,
    in_turns,
    piece_count,
)

FEW_WORDS = 8  # words that still tell the subject of a text
FEW_OVERLAPS = 3  # overlaps with the nearest scenarios, kept longer than names of far ones
DESCRIBED, NAMED, OWN = range(3)
"""List of scenarios in a user's prompt: names and descriptions, names, names of the user's own."""


class UserPrompt(ShrinkingPrompt):
    """A user's prompt, shortened from the least to the most informative contents.

    The oldest items go first, in turns between the scenarios, down to the newest of each; then
    frequent entries, the profile from its end, and words of the newest items' texts; then whole
    scenarios, that of the newest item last; then more words of its text; finally the list of
    scenarios is shortened.

    Args:
        write: Renders and wraps ``(history, profile, listing)``.
        history: Structs of :func:`~.histories.user_histories`.
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
        """See :class:`~.cut_to_budget.ShrinkingPrompt`."""
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
        """See :class:`~.cut_to_budget.ShrinkingPrompt`."""
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
    """A scenario's prompt, shortened in what it says of other scenarios before its own statistics.

    Names of leading entries are shortened first. Then the other scenarios lose, those with the
    smallest overlap first: their overlaps, their leading entries, their figures and description;
    then the target's overlaps with them, down to a few; then their names. At last the target loses
    its remaining overlaps, its leading entries and its description.

    Args:
        write: Renders and wraps ``(target, others, scenarios)``.
        statistics: Statistics of all scenarios, in id order.
        place: Index of the target in ``statistics``.
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
                # Only the overlap with the target: S lines, not S squared.
                "overlaps": [other["overlaps"][place - (number < place)]],
                "name_only": False,
            }
            for number, other in enumerate(statistics)
            if number != place
        ]
        shares = [o["user_share"] + o["item_share"] for o in self.target["overlaps"]]
        nearest = sorted(range(len(shares)), key=lambda number: (-shares[number], number))
        self._rank = {number: rank for rank, number in enumerate(nearest)}

    def full(self) -> str:
        """See :class:`~.cut_to_budget.ShrinkingPrompt`."""
        return self._written(self.target, self.others)

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """Words; others' overlaps, leading, figures; own overlaps; names; rest of target."""
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
        """See :class:`~.cut_to_budget.ShrinkingPrompt`."""
        words, overlaps, leading, figures, own, names, last, own_leading, described = taken
        most = self._words - words if words else None
        own_entries = _shorten_names(self.target["leading"], most)
        target, n = self.target, len(self.others)
        kept = [o for i, o in enumerate(target["overlaps"]) if self._rank[i] < n - own - last]
        text = target["description"]
        target = {
            **target,
            "overlaps": kept,
            "leading": own_entries[: len(own_entries) - own_leading],
            "description": first_pieces(text, piece_count(text) - described) if described else text,
        }
        others = []
        for number, other in enumerate(self.others):
            rank = self._rank[number]
            if rank < n - names:
                name_only = rank >= n - figures
                entries = _shorten_names(other["leading"], most)
                others.append(
                    {
                        **other,
                        "overlaps": other["overlaps"] if rank < n - overlaps else [],
                        "leading": entries if rank < n - leading else [],
                        "description": "" if name_only else other["description"],
                        "name_only": name_only,
                    }
                )
        return self._written(target, others)

    def _written(self, target: dict, others: list[dict]) -> str:
        known = {other["scenario"] for other in others}
        before = sum(other["scenario"] in known for other in self.others[: self.place])
        return self.write(target, others, [*others[:before], target, *others[before:]])


def _shorten_names(entries: Sequence[dict], words: int | None) -> list[dict]:
    """Cut the names of entries to ``words`` pieces; ``None`` keeps them."""
    if words is None:
        return list(entries)
    return [{**entry, "name": first_pieces(entry["name"], words)} for entry in entries]


class ItemPrompt(ShrinkingPrompt):
    """An item's prompt: shorten the text to a few words, then the category, then the text again.

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
        """See :class:`~.cut_to_budget.ShrinkingPrompt`."""
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
        """See :class:`~.cut_to_budget.ShrinkingPrompt`."""
        words, category, last = taken
        text = first_pieces(self.text, self._words - words - last)
        left = first_pieces(self.category or "", self.steps[1] - category)
        return self.write(text, left or None)
