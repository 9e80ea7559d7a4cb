"""Runs programs that a model wrote, and says whether they pass their tests.

Such a program may do anything. It runs without network, home, environment and writable disk, within
limits, and apart from whoever decides (`guest`). Without working walls nothing is run at all
(`SandboxError`): the score is missing, never computed by plain `exec`.

Not here: which programs and tests (`suite`), and what a verdict counts (`scoring`).
"""

from densing_pipeline.evaluation.sandbox.choice import open_sandbox
from densing_pipeline.evaluation.sandbox.run import Sandbox, SandboxError, Verdict

__all__ = ["Sandbox", "SandboxError", "Verdict", "open_sandbox"]
