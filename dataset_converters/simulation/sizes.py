"""Sizes and column layout of a simulated release: small, full, or a share of the full one."""

from __future__ import annotations

from dataclasses import dataclass

from dataset_converters.errors import ConverterError
from dataset_converters.simulation.world import CATEGORIES


@dataclass(frozen=True)
class Layout:
    """Period and columns, which differ between the releases."""

    days: float
    source_column: str
    level_column: str
    music: bool


SMALL = Layout(9.0, "search_session_source", "rec_active_level", music=False)
FULL = Layout(18.8, "search_source", "reco_active_level", music=True)


@dataclass(frozen=True)
class Sizes:
    """Numbers of users, rows and videos to simulate.

    Attributes:
        users: Number of users.
        rows: Rows of search and of recommendation.
        videos: Videos shown by search only, by both, by recommendation only.
        layout: Period and columns."""

    users: int
    rows: tuple[int, int]
    videos: tuple[int, int, int]
    layout: Layout


def sizes_of(scale: float | str) -> Sizes:
    """Return the sizes for ``small``, ``full``, or a share of the full release.

    Raises:
        ConverterError: ``scale`` is none of them, or not in (0, 1].
    """
    small, full = (3_171_231, 7_493_101), (5_059_169, 14_605_716)
    if scale == "small":
        # Distinct items of search, of recommendation and of both, as published.
        videos = (4_195_529 - 2_281_034, 2_012_476 + 2_281_034 - 4_195_529, 0)
        return Sizes(25_877, small, (*videos[:2], 4_195_529 - 2_012_476), SMALL)
    videos = (6_890_707 - 4_046_367, 3_026_189 + 4_046_367 - 6_890_707, 6_890_707 - 3_026_189)
    if scale == "full":
        return Sizes(25_877, full, videos, FULL)
    try:
        share = float(scale)
    except ValueError as error:
        raise ConverterError(f"--scale={scale}: must be a number, small or full") from error
    if not 0 < share <= 1:
        raise ConverterError(
            f"--scale={scale}: must be a share of the full release, above 0 and up to 1"
        )
    fewest = 4 * len(CATEGORIES)
    rows = tuple(max(round(n * share), 200) for n in full)
    return Sizes(
        max(round(25_877 * share), 10),
        (rows[0], rows[1]),
        tuple(max(round(n * share), fewest) for n in videos),  # type: ignore[arg-type]
        FULL,
    )
