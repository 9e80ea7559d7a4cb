"""Runs programs that a model wrote, and says whether they pass their tests.

Such a program may do anything. It runs without network, home, environment and writable disk, within
limits, and apart from whoever decides (`runner`). Without working walls nothing is run at all
(`SandboxError`): the score is missing, never computed by plain `exec`.

Not here: which programs and tests (`suite`), and what a verdict counts (`scoring`).
"""

from densing_pipeline.evaluation.sandbox.sandbox import Sandbox, SandboxError, Verdict
from densing_pipeline.evaluation.sandbox.selection import open_sandbox

__all__ = ["Sandbox", "SandboxError", "Verdict", "open_sandbox"]
