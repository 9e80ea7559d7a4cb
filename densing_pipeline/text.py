"""Text written by others: cleaned where it enters a table, escaped wherever it is shown.

Model names, licences, sellers and error messages come from servers and publishers. `clean` takes out
what a terminal or a page would act upon and bounds the length; `Table.cast` applies it to every text
column. A table may still hold markup, for markup is legible text: `plain` and `markdown`
escape it for the place where it is shown.

Not here: which addresses may be written down (`addresses`), and which text identifies something (the readers of each source).
"""

import re
from typing import TYPE_CHECKING

from densing_pipeline.addresses import redact

if TYPE_CHECKING:
    import polars as pl
    from rich.text import Text

LONGEST_NAME = 200
"""Characters of a name that identifies a model, a seller or an offer; a longer one is quarantined."""

LONGEST_TEXT = 1000
"""Characters of any other text in a table; a longer one is cut."""

SPACING = "\\t\\n\\x0b\\x0c\\r\\x1c-\\x1f\\x85\\u2028\\u2029"
CONTROLS = "\\x00-\\x08\\x0e-\\x1b\\x7f-\\x84\\x86-\\x9f"
BIDI = "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069"
"""Characters that reorder the text around them (Unicode Standard Annex 9, table 4)."""

_BREAKS = re.compile(f"[{SPACING}]+")
_REMOVED = re.compile(f"[{CONTROLS}{BIDI}]")
_HALVES = re.compile("[\ud800-\udfff]")
_POLARS_SET = re.sub(r"\\u([0-9a-f]{4})", r"\\x{\1}", f"{SPACING}{CONTROLS}{BIDI}")
_POLARS_BREAKS = re.sub(r"\\u([0-9a-f]{4})", r"\\x{\1}", f"[{SPACING}]+")

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:@])")


def error_text(error: BaseException) -> str:
    """Kind and message of an error as they may be written down: clean, and without secrets."""
    return clean(redact(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__))


class UncleanTextError(ValueError):
    """A name cannot be repaired: nothing legible is left of it, or it is too long."""


def clean(value: str, longest: int = LONGEST_TEXT) -> str:
    r"""The text in one line, without control and bidirectional characters, cut to a length.

    Tabs, line breaks and the separators among the control characters become one space; other control
    characters (C0, DEL, C1) and bidirectional ones are removed; half a surrogate pair, which JSON can
    write and parquet cannot hold, becomes U+FFFD.

    Args:
        value: any text.
        longest: characters kept; a cut text ends with `...`.

    Examples:
        >>> clean("a\x1b[2J\nb")
        'a[2J b'
    """
    legible = value
    if not value.isprintable():
        legible = _HALVES.sub("\ufffd", _REMOVED.sub("", _BREAKS.sub(" ", value)))
    return legible if len(legible) <= longest else legible[: longest - 3] + "..."


def clean_name(value: str, longest: int = LONGEST_NAME) -> str:
    """A name as `clean` writes it, without spaces at its ends; never cut, for two would look alike.

    Raises:
        UncleanTextError: nothing is left, or it is longer than `longest`.
    """
    name = clean(value, max(len(value), 3)).strip()
    if not name:
        raise UncleanTextError("a name without a legible character")
    if len(name) > longest:
        raise UncleanTextError(f"a name of {len(name)} characters: {longest} at most")
    return name


def quoted(value: str) -> str:
    r"""What somebody asked for as an error repeats it: in quotes, escaped, cut to `LONGEST_NAME` characters.

    Examples:
        >>> quoted("gpt\x1b[2J")
        "'gpt\\x1b[2J'"
    """
    return repr(value if len(value) <= LONGEST_NAME else f"{value[: LONGEST_NAME - 3]}...")


def cleaned(column: str) -> "pl.Expr":
    """`clean` for a text column of a frame (which cannot hold half surrogate pairs)."""
    import polars as pl  # takes a second; `densing --help` and machines with GPUs alone do without

    text = pl.col(column)
    legible = text.str.replace_all(_POLARS_BREAKS, " ").str.replace_all(f"[{_POLARS_SET}]", "")
    cut = pl.concat_str(legible.str.slice(0, LONGEST_TEXT - 3), pl.lit("..."))
    return (
        pl.when(legible.str.len_chars() > LONGEST_TEXT).then(cut).otherwise(legible).alias(column)
    )


def clean_frame(frame: "pl.DataFrame") -> "pl.DataFrame":
    """A frame with every text column as `clean` writes it."""
    import polars as pl

    text = pl.col(pl.String)
    is_clean = ~text.str.contains(f"[{_POLARS_SET}]") & (text.str.len_chars() <= LONGEST_TEXT)
    # Almost every frame is clean already, and to ask takes a tenth of the time.
    if frame.select(pl.all_horizontal(is_clean.all())).item():
        return frame
    return frame.with_columns(
        cleaned(name) for name, dtype in frame.schema.items() if dtype == pl.String
    )


def plain(value: object, style: str = "") -> "Text":
    """Text for `rich`, in which square brackets are no markup.

    Args:
        value: what is printed; cleaned.
        style: a style of `rich` for the whole of it.
    """
    from rich.text import Text  # takes a moment; `densing --help` does without

    return Text(clean(str(value)), style=style)


def markdown(value: object) -> str:
    """Text for a cell or a sentence in Markdown: shown as it is, without links, images or HTML."""
    escaped = _MARKDOWN.sub(r"\\\1", clean(str(value)))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
