"""Results that show themselves. This module alone reaches up to `report`, and only when something is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Readable:
    """A result that can be read as text, and as tables in a notebook."""

    def summary(self) -> str:
        """The result as the command line prints it, 80 columns wide."""
        from sparselaw.report.notebook import summary

        return summary(self)

    def _repr_html_(self) -> str:
        """The result as a notebook shows it."""
        from sparselaw.report.notebook import html

        return html(self)


class Shown(Readable):
    """A result that can be drawn as well."""

    def plot(self) -> Figure:
        """The result as a figure of Matplotlib."""
        from sparselaw.report.notebook import figure

        return figure(self)
