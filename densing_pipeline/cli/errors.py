"""Errors as one sentence each, with the remedy and the exit status.

Status 0 is success, 1 a command that failed, 2 a wrong argument or setting, 130 an interrupt (Ctrl-C).
"""

from densing_pipeline.os_errors import sentence as sentence
from densing_pipeline.os_errors import with_remedy as with_remedy

FAILED = 1
MISUSED = 2
INTERRUPTED = 130

INTERRUPT_SENTENCE = (
    "Interrupted. Published releases are untouched; run the same command again when you like."
)


class CommandError(RuntimeError):
    """A command cannot be carried out; the message says why and what to do.

    Attributes:
        status: the exit status.
    """

    status = FAILED


class SettingsRefusedError(CommandError):
    """A `DENSING_` variable has a value that is not allowed."""

    status = MISUSED
