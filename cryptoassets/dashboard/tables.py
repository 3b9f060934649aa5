"""HTML tables with links, readable in light and dark mode and on a phone.

What goes here: making a table of texts. What stays out: which rows it has. Streamlit's own tables
are not used: they are drawn on a canvas, where text can be neither selected nor searched.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

_STYLE = """<style>
.ca-scroll {overflow: auto; max-height: 36rem;}
.ca thead th {position: sticky; top: 0;
  background: light-dark(#ffffff, #15171c);}
.ca {width: 100%; border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums;}
.ca th {font-weight: 600; text-align: left; white-space: nowrap;}
.ca th, .ca td {padding: 0.4rem 0.75rem 0.4rem 0; vertical-align: top;
  border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent);}
.ca .n {text-align: right; white-space: nowrap;}
.ca .c {font-family: monospace; font-size: 0.8rem; overflow-wrap: anywhere;}
.ca a {color: inherit; text-decoration: underline; text-underline-offset: 3px;
  text-decoration-color: color-mix(in srgb, currentColor 35%, transparent);}
.ca .up {color: #1f9d55;} .ca .down {color: #e05252;} .ca .dim {opacity: 0.7;}
@media (max-width: 640px) {.ca .wide {display: none;}}
</style>"""


@dataclass(frozen=True)
class Cell:
    """A text, optionally with a link, a grey note after it, and a CSS class."""

    text: str
    link: str | None = None
    note: str = ""
    style: str = ""

    @property
    def html(self) -> str:
        """The cell's content as HTML; all texts are escaped."""
        shown = escape(self.text)
        if self.link is not None:
            target = "_self" if self.link.startswith("/") else "_blank"
            shown = f'<a href="{escape(self.link)}" target="{target}" rel="noopener">{shown}</a>'
        return f'{shown} <span class="dim">{escape(self.note)}</span>' if self.note else shown


@dataclass(frozen=True)
class Heading:
    """A column and its CSS classes: `n` for numbers, `c` for code; phones hide `wide` columns."""

    text: str
    style: str = ""


def show_table(headings: Sequence[Heading], rows: Iterable[Sequence[Cell | str]]) -> None:
    """Add a table to the page."""
    head = "".join(f'<th class="{one.style}">{escape(one.text)}</th>' for one in headings)
    body = "".join(
        f"<tr>{''.join(_cell(cell, one) for cell, one in zip(row, headings, strict=True))}</tr>"
        for row in rows
    )
    st.html(
        f'{_STYLE}<div class="ca-scroll"><table class="ca"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(cell: Cell | str, heading: Heading) -> str:
    shown = cell if isinstance(cell, Cell) else Cell(cell)
    return f'<td class="{heading.style} {shown.style}">{shown.html}</td>'


def change_style(text: str) -> str:
    """Return the CSS class for a number with a sign: `up`, `down` or none."""
    return {"+": "up", "-": "down"}.get(text[:1], "")
