"""What asking one price list gave: the answers, the document they make, or why there is none.

Not here: how a list is asked for (`prices.poll`, `prices.sources.openrouter_fetch`).
"""

from dataclasses import dataclass, field

from densing_pipeline.fetch import Response

AT_ONCE = 4
"""Requests to one host at a time."""


@dataclass
class Asked:
    """What came of asking one source.

    Attributes:
        received: every answer that was complete, to be landed as it is.
        document: the list they make, if it is whole.
        error: why there is none.
        remarks: what else an operator needs to know.
    """

    received: list[Response] = field(default_factory=list)
    document: Response | None = None
    error: Exception | None = None
    remarks: list[str] = field(default_factory=list)
