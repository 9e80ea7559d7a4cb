"""The remote price lists: one module per list, each with its name and a pure `parse`.

Not here: asking for them (`prices.poll`), and prices over time (`prices.book`).
"""

from collections.abc import Callable, Mapping
from datetime import date

from densing_pipeline.prices.sources import genai, litellm, llm_prices, modelsdev, openrouter
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot

PARSERS: Mapping[str, Callable[[bytes, date], ParsedSnapshot]] = {
    openrouter.NAME: openrouter.parse,
    openrouter.ENDPOINTS: openrouter.parse_endpoints,
    litellm.NAME: litellm.parse,
    modelsdev.NAME: modelsdev.parse,
    genai.NAME: genai.parse,
    llm_prices.NAME: llm_prices.parse,
}
"""How the bytes of each source are read, by its name in the landing zone and in `prices`."""
