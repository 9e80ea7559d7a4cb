"""The remote price lists: one module per list, each with its name and a pure `parse`.

Not here: asking for them (`prices.poll`), and prices over time (`prices.book`).
"""

from collections.abc import Callable, Mapping
from datetime import date

from densing_pipeline.prices.sources import genai, litellm, llm_prices, modelsdev, openrouter
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot
from densing_pipeline.prices.sources.values import SnapshotError

Parser = Callable[[bytes, date], ParsedSnapshot]


def refusing(name: str, parse: Parser) -> Parser:
    """A parser that refuses the document where the format holds a surprise nobody thought of.

    The document is a stranger's text: whatever it makes a reader do, the other sources go on.
    """

    def parse_or_refuse(content: bytes, observed_on: date) -> ParsedSnapshot:
        try:
            return parse(content, observed_on)
        except SnapshotError:
            raise
        except Exception as error:
            raise SnapshotError(
                f"{name}: cannot be read ({type(error).__name__}: {error})"
            ) from error

    return parse_or_refuse


PARSERS: Mapping[str, Parser] = {
    name: refusing(name, parse)
    for name, parse in {
        openrouter.NAME: openrouter.parse,
        openrouter.ENDPOINTS: openrouter.parse_endpoints,
        litellm.NAME: litellm.parse,
        modelsdev.NAME: modelsdev.parse,
        genai.NAME: genai.parse,
        llm_prices.NAME: llm_prices.parse,
    }.items()
}
"""How the bytes of each source are read, by its name in the landing zone and in `prices`."""
