"""Exceptions that end an evaluation without scores.

Not here: single requests that fail (`requests.Failed`), and writing the outcome (`folder_writer`).
"""


class EvaluationError(Exception):
    """An evaluation could not be finished; the message says why and what to do.

    Attributes:
        state: state in the outcome and in `evaluation_queue`.
        resumable: whether another attempt may succeed.
        fault: whose fault it is (`folder_format.FAULTS`); None if it is the model's.
    """

    state = "failed"
    resumable = True
    fault: str | None = None


class BlockedError(EvaluationError):
    """The model cannot be evaluated on this machine; another attempt would fail the same way."""

    state = "blocked"
    resumable = False


class InstallationError(EvaluationError):
    """This installation cannot evaluate any model, or none of this kind; no model is charged with it."""

    fault = "installation"


class OccupiedError(InstallationError):
    """Other processes use the memory that the model needs; it is free another time."""


class SandboxMissingError(InstallationError):
    """No sandbox works here, so programs were not run; all other benchmarks are measured."""

    fault = "sandbox"


class UnexplainedError(EvaluationError):
    """The engine failed, and nothing says whether model or installation is to blame."""

    fault = "unexplained"


class BusyError(EvaluationError):
    """Another evaluation job holds the folder's lock; no file was changed."""
