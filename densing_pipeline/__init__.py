"""densing-pipeline: how fast language models get denser and cheaper.

The domain lives here, importable and testable without Dagster; only `orchestration`,
`definitions` and `nightly` import it. `docs/architecture.md` is the map.

For notebooks and scripts (`docs/api.md`): `read` gives a table of a release, `price` what a
model cost on a day, `density` the capacity density of one model, `halving` how fast a price halves. They are imported when first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from densing_pipeline.api import density, halving, price, read

__all__ = ["density", "halving", "price", "read"]


def __getattr__(name: str) -> object:
    """Import a function of the interface when it is first asked for."""
    if name == "density":
        # The subpackage of that name, which can be called: `density/__init__.py` says why.
        from importlib import import_module

        return import_module("densing_pipeline.density")
    if name in __all__:
        from densing_pipeline import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
