"""Exceptions that end an evaluation without scores.

Not here: single requests that fail (`requests.Failed`), and writing the outcome (`folder_writer`).
"""


class EvaluationError(Exception):
    """An evaluation could not be finished; the message says why and what to do.

    Attributes:
        state: state in the outcome and in `evaluation_queue`.
        resumable: whether another attempt may succeed.
        fault: `installation` if no model is to blame, so that the attempt does not count; else None.
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


class BusyError(EvaluationError):
    """Another evaluation job holds the folder's lock; no file was changed."""
