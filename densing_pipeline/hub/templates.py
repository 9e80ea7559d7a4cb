"""Chat templates: detect whether a tokenizer is set up for chat, and shorten stored templates.

Not here: the other fields of a record (`record_fields`), and the classification (`rules`).
"""

import re
from collections.abc import Mapping

from densing_pipeline.hub import record_fields

ENDS_TURN = re.compile(
    r"<\|?(im_end|eot(_id)?|eom(_id)?|end(_?of_?(turn|message|sentence|text))?)\|?>|<turn\|>"
)
"""Pattern of the names of tokens that end a turn of a conversation."""


def chat_template(record: record_fields.Record, held: record_fields.Files) -> bool | None:
    """Whether there is a chat template, and whether its turns end where the tokenizer stops.

    Returns:
        None without a template. False if its turns end with another token than the tokenizer's
        end-of-text token: the template was inherited with the tokenizer, or generation is stopped
        by the caller. True otherwise, that is, set up for chat; also if the end token is not known,
        or the template has none (in GLM a turn ends where the next begins).
    """
    own = record_fields.config(record)
    template = record_fields.mapping(own.get("tokenizer_config")).get("chat_template")
    template = template or own.get("chat_template_jinja")
    template = template or record_fields.mapping(own.get("processor_config")).get("chat_template")
    if not template:
        return (
            True if held.chat_template or "conversational" in record_fields.tags(record) else None
        )
    end = _end_token(own)
    ends = _turn_ends(str(template), end)
    return not (end and ends) or end in ends or "eos_token" in ends


def without_templates(own: record_fields.Record) -> record_fields.Record:
    """The configuration with its chat templates shortened to the tokens that `chat_template` uses."""
    short = dict(own)
    for key in ("tokenizer_config", "processor_config"):
        if template := record_fields.mapping(own.get(key)).get("chat_template"):
            short[key] = {**own[key], "chat_template": _shortened(template, own)}
    if template := own.get("chat_template_jinja"):
        short["chat_template_jinja"] = _shortened(template, own)
    return short


def _shortened(template: object, own: record_fields.Record) -> str:
    return " ".join(_turn_ends(str(template), _end_token(own))) or "-"


def _turn_ends(template: str, end: str | None) -> list[str]:
    """Tokens in a template that may end a turn: the tokenizer's end token, matches of `ENDS_TURN`."""
    stated = [mark for mark in (end, "eos_token") if mark and mark in template]
    return stated + sorted({found[0] for found in ENDS_TURN.finditer(template)} - set(stated))


def _end_token(own: record_fields.Record) -> str | None:
    end = record_fields.mapping(own.get("tokenizer_config")).get("eos_token")
    end = end.get("content") if isinstance(end, Mapping) else end
    return end if isinstance(end, str) and end else None


def end_token(record: record_fields.Record) -> str | None:
    """The tokenizer's token that ends a text, if it is known."""
    return _end_token(record_fields.config(record))


def knows_end_token(record: record_fields.Record) -> bool:
    """Whether the record has both a chat template and the tokenizer's end token."""
    own = record_fields.config(record)
    tokenizer = record_fields.mapping(own.get("tokenizer_config"))
    return bool(tokenizer.get("eos_token")) and bool(
        tokenizer.get("chat_template") or own.get("chat_template_jinja")
    )
