"""Rich for text that others wrote: names of groups and topics, fields of events, messages of errors.

No markup (`billing[prod]`), no emoji codes, and control characters visible. Everything that a command prints through
Rich goes through `Screen`, as a string or as this `Text`.
"""

from __future__ import annotations

from typing import IO, Any

import rich.console
import rich.text

from streamgauge.runtime.printable import printable


class Text(rich.text.Text):
    """Styled text of one line, as it is."""

    def __init__(self, text: str = "", *args: Any, **options: Any) -> None:
        super().__init__(printable(text), *args, **options)

    @classmethod
    def of(cls, *parts: str | tuple[str, str]) -> Text:
        """A text of strings, and of strings with a style."""
        text = cls()
        for part in parts:
            text.append(*((part,) if isinstance(part, str) else part))
        return text

    def append(self, text: rich.text.Text | str, style: Any = None) -> Text:
        """Append text, in a style."""
        super().append(printable(text) if isinstance(text, str) else text, style)
        return self


class Screen(rich.console.Console):
    """A console; `width` is its width where the output is no terminal."""

    def __init__(self, file: IO[str] | None = None, *, width: int | None = None, **options: Any) -> None:
        super().__init__(file=file, markup=False, emoji=False, highlight=False, **options)
        if width is not None and not self.is_terminal:
            self.width = width

    def render_str(self, text: str, **options: Any) -> rich.text.Text:
        """Rich calls this for every string: a line, a cell, a heading."""
        return super().render_str(printable(text), **options)
