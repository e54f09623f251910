"""The verdict on the paper's claims as a page: a claim, its verdict, and what that rests on."""

from __future__ import annotations

import re
from pathlib import Path

from matplotlib.figure import Figure

from synther.analysis.claims_render import Court, evidence, footnotes, mark
from synther.analysis.page import (
    BODY,
    INK,
    LINE,
    MARGIN,
    NOTE,
    Page,
    Style,
    fixed_style,
    heading,
    save_figure,
    text_width,
    wrap,
)
from synther.analysis.panels import GREY
from synther.analysis.verdicts import Verdict

WIDTH, BADGE, GAP = 620.0, 112.0, 10.0
FILLS = {
    Verdict.REPRODUCED: "#bfe3d3",
    Verdict.INDICATIVE_FOR: "#e3f2ec",
    Verdict.INCONCLUSIVE: "#eeeeee",
    Verdict.PIPELINE_CHECK: "#ffffff",
    Verdict.NOT_RUN: "#ffffff",
    Verdict.INDICATIVE_AGAINST: "#fbe6d8",
    Verdict.NOT_REPRODUCED: "#f3c3a5",
}
"""Beside the words, which say it without colour."""


def draw(court: Court) -> Figure:
    """Return the page: heading, a block a claim, footnotes."""
    page = Page(WIDTH + 2 * MARGIN)
    heading(page, court.spec)
    page.y += 7
    left, inner = MARGIN + BADGE + GAP, WIDTH - BADGE - GAP
    bold, small = Style(BODY, "bold"), Style(NOTE, color=GREY)
    for outcome in court.outcomes:
        page.rule(MARGIN, MARGIN + WIDTH, 0.4)
        page.y += 3
        top = page.y
        page.text(MARGIN + 6, outcome.verdict.value, style=Style(BODY, "bold", color=INK), down=1)
        lines = wrap(outcome.claim.statement, inner - 8, bold)
        for number, text in enumerate(lines):
            page.text(left, text, style=bold)
            if number == len(lines) - 1 and (sign := mark(outcome)):
                page.text(left + text_width(text, bold) + 1, sign, style=Style(BODY), down=-2)
            page.y += LINE - 1
        words = re.sub(r"(?<![\w)])-(?=\d)", "−", "; ".join(evidence(outcome)))
        for text in wrap(words, inner, small):
            page.text(left, text, style=small)
            page.y += NOTE * 1.35
        page.fills.append((MARGIN, top, BADGE, LINE + 3, FILLS[outcome.verdict]))
        page.y += 4
    page.rule(MARGIN, MARGIN + WIDTH, 1.1)
    page.y += 6
    for note in footnotes(court):
        page.paragraph(note, Style(NOTE))
    return page.figure()


def save(court: Court, *paths: Path) -> list[Path]:
    """Draw the page and write it to every path, .pdf or .png; return the paths."""
    with fixed_style():
        figure = draw(court)
        return [save_figure(figure, path) for path in paths]
