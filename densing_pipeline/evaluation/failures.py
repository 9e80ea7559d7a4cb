"""How an evaluation can end without scores.

Not here: requests that fail one by one (`requests.Failed`), and how an end is written (`folder_writer`).
"""


class EvaluationError(Exception):
    """An evaluation could not be finished; the message says why and what can be done.

    Attributes:
        state: as in the queue.
        resumable: whether trying again may help.
    """

    state = "failed"
    resumable = True


class BlockedError(EvaluationError):
    """The model, or this machine, is such that trying again changes nothing."""

    state = "blocked"
    resumable = False


class BusyError(EvaluationError):
    """Another job works in the same folder. Nothing was touched."""
