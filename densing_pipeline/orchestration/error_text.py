"""The message of an error that Dagster recorded."""

import re

from dagster._utils.error import SerializableErrorInfo  # type: ignore[attr-defined]

_OWN_CLASS = re.compile(r"^densing_pipeline(\.\w+)+: ")


def error_text(error: SerializableErrorInfo) -> str:
    """What an error says, or the one that it was raised from; our own messages are sentences, so without the name of their class."""
    return _OWN_CLASS.sub("", (error.cause or error).message.strip())
