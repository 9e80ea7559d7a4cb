"""Reference laws, effective parameters and capacity density.

Not here: trends over time (`trends`), and the sources of scores and parameter counts (`facts`,
`hub`, `evaluation`).

The package is callable: `densing_pipeline.density(params=4e9, MMLU=.70)` calls
`densing_pipeline.api.density`. A function and a subpackage of one name share one attribute of
`densing_pipeline`, which importing any module of the subpackage sets to the subpackage.
"""

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """Module type of this package, which makes it callable."""

    def __call__(self, *args: Any, **given: Any) -> object:
        """Call `densing_pipeline.api.density`."""
        from densing_pipeline.api import density

        return density(*args, **given)


sys.modules[__name__].__class__ = _CallablePackage
