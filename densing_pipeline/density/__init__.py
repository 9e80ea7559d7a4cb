"""Reference laws, effective parameters and capacity density.

Not here: how density grows over time (`trends`), and where scores and parameter counts come from
(`facts`, `hub`, `evaluation`).

The package can be called: `densing_pipeline.density(params=4e9, MMLU=.70)` is
`densing_pipeline.api.density`. A function and a subpackage of one name share one attribute of
`densing_pipeline`, which importing any module of the subpackage sets to the subpackage.
"""

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """This package, with the function of its name behind a call."""

    def __call__(self, *args: Any, **given: Any) -> object:
        """Call `densing_pipeline.api.density`."""
        from densing_pipeline.api import density

        return density(*args, **given)


sys.modules[__name__].__class__ = _CallablePackage
