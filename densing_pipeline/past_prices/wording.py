"""Prices of a day in words: amounts, kinds of offer, days, and the answer as one sentence."""

from collections.abc import Sequence

from densing_pipeline.past_prices.on_day import NO_PRICE, OfferOnDay, PriceAnswer

UNIT = "USD per million tokens"


def amount(price: float | None, other: float | None = None) -> str:
    """A price with as many digits as it has, or two prices of which either may hold."""
    said = "" if price is None else f"{price:.10g}"
    if other is None or other == price:
        return said
    return f"{said or 'none'} or {other:.10g}"


def kind(offer: OfferOnDay) -> str:
    """The kind of offer with what it is limited to: `standard`, `above 200,000 tokens`, `batch, fp8`."""
    said = "standard" if offer.offer == "long_context" else offer.offer.replace("_", " ")
    if offer.context_over_tokens:
        above = f"above {offer.context_over_tokens:,} tokens"
        said = above if said == "standard" else f"{said}, {above}"
    return f"{said}, {offer.quantisation}" if offer.quantisation else said


def since(offer: OfferOnDay) -> str:
    """The day on which a price began, or the days between which it did."""
    if offer.since is None:
        return ""
    if offer.since_earliest is None:
        return f"{offer.since} or earlier"
    if offer.since_earliest == offer.since:
        return offer.since.isoformat()
    return f"{offer.since_earliest} to {offer.since}"


def sentence(answer: PriceAnswer, offers: Sequence[OfferOnDay]) -> str:
    """The first of some offers of an answer as a sentence, or that nothing is known.

    Args:
        answer: the answer.
        offers: those of its offers that count, the first one first.
    """
    first = next((one for one in offers if one.certainty not in NO_PRICE), None)
    if first is None:
        return f"What {answer.asked} cost on {answer.on} is not known: no list has a price of that day."
    prices = [
        f"{amount(price, other)} for {what}"
        for what, price, other in (
            ("input", first.input_usd_per_mtok, first.or_input_usd_per_mtok),
            ("output", first.output_usd_per_mtok, first.or_output_usd_per_mtok),
            ("cached input", first.cache_read_usd_per_mtok, None),
        )
        if price is not None
    ]
    said = f"{', '.join(prices)}, in {UNIT}" if prices else "nothing for tokens"
    return (
        f"On {answer.on} {first.model} cost at {first.provider}: {said} ({kind(first)} offer, "
        f"{first.source}; {first.certainty}, since {since(first)})."
    )
