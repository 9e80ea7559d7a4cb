"""Which kind of offer a price is: what its name or its amount says.

Only `standard` offers set a frontier. Not here: kinds that a list states in a field of its own
(batch, tiers, time of day); the reader of that list labels those.
"""

from decimal import Decimal

_BY_SUFFIX = {":free": "free", ":batch": "batch", ":flex": "flex"}


def kind_by_name(model: str) -> str:
    """The kind of offer a model name stands for.

    `author/x:free` is free, `author/x:batch` a batch offer; `~author/x-latest` and `x-latest` are
    aliases: what they sell changes while the name stays, so their price is no price of a model.
    """
    name = model.lower()
    if name.startswith("~") or name.endswith(("-latest", ":latest")):
        return "alias"
    return next((kind for suffix, kind in _BY_SUFFIX.items() if name.endswith(suffix)), "standard")


def is_free(input_price: Decimal | None, output_price: Decimal | None) -> bool:
    """Whether nothing is charged for tokens; a price that is not stated charges nothing either."""
    return not input_price and not output_price
