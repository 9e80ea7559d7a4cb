"""Runs programs written by a model in isolation, and decides whether they pass their tests.

Such a program may do anything. It runs without network, home directory, environment variables and
writable disk, within resource limits, and in another process than its tests (`runner`). Without a
working sandbox no program is run (`SandboxError`): the score is missing, never computed by `exec`.

Not here: the programs and tests (`suite`), and scores (`scoring`).
"""

from densing_pipeline.evaluation.sandbox.sandbox import Sandbox, SandboxError, Verdict
from densing_pipeline.evaluation.sandbox.selection import open_sandbox

__all__ = ["Sandbox", "SandboxError", "Verdict", "open_sandbox"]
