"""What a command prints: text and tables on standard output, problems on standard error.

Texts are shown as they are: no markup is read in them, for names and messages come from outside;
control characters and secrets of addresses are left out. A
screen that cannot be written (a closed pipe, a full disk) never decides the exit status of a command
whose work was something else than to print.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from densing_pipeline.addresses import redact
from densing_pipeline.text import clean

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDTH = 80
"""Columns of a paragraph of text, and of what is printed where there is no terminal to ask."""

TABLE_WIDTH = 130
"""Columns of a table where there is no terminal to ask."""


class Screen:
    """Standard output and standard error of one command."""

    def __init__(self) -> None:
        """Use the streams as they are now."""
        for stream in (sys.stdout, sys.stderr):
            # A name that the terminal's encoding cannot show is written with escapes.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        self.is_terminal = sys.stdout.isatty()
        self.failure: OSError | None = None

    @cached_property
    def console(self) -> "Console":
        """The console of standard output for text, and for what draws itself, such as a bar."""
        return _console(sys.stdout, min(WIDTH, self._tables.width))

    @cached_property
    def _tables(self) -> "Console":
        return _console(sys.stdout, None if self.is_terminal else TABLE_WIDTH)

    @cached_property
    def _problems(self) -> "Console":
        return _console(sys.stderr, None)

    def say(self, text: str = "", *, style: str = "", end: str = "\n") -> None:
        """Print a paragraph, broken at 80 columns."""
        self._write(self.console, text, style=style, end=end)

    def line(self, text: str) -> None:
        """Print a line that may be copied, such as a path: never broken."""
        self._write(self.console, text, soft_wrap=True)

    def show(self, table: "RenderableType") -> None:
        """Print a table, as wide as the terminal."""
        self._write(self._tables, table)

    def problem(self, text: str) -> None:
        """Print an error, on standard error."""
        self._write(self._problems, text, style="red", soft_wrap=True)

    def close(self) -> None:
        """Write out what is left in the buffers; what cannot be written is dropped."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError as error:
                self.failure = self.failure or error
                _drop(stream)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Keep an error of writing to the screen as `failure`, and go on."""
        try:
            yield
        except OSError as error:
            self.failure = self.failure or error

    def _write(
        self,
        console: "Console",
        what: "RenderableType",
        *,
        style: str = "",
        end: str = "\n",
        soft_wrap: bool = False,
    ) -> None:
        if isinstance(what, str):
            what = "\n".join(clean(redact(line), len(line) + 3) for line in what.split("\n"))
        with self.drawing():
            console.print(what, style=style, end=end, soft_wrap=soft_wrap)


def _console(stream: TextIO, width: int | None) -> "Console":
    # Drawing takes a while to import; `densing --help` does without.
    from rich.console import Console

    class Raising(Console):
        """Raises the error of a closed pipe, on which rich would end the process."""

        def on_broken_pipe(self) -> None:
            raise

    return Raising(file=stream, width=width, markup=False, emoji=False, highlight=False)


def _drop(stream: TextIO) -> None:
    """Point a stream that cannot be written at nothing, lest the interpreter fail on it as it ends."""
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
    except (OSError, ValueError):
        pass
