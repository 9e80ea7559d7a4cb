"""The parameter formula of each model family, by `model_type`.

Not here: the formulas.
"""

from collections.abc import Callable
from dataclasses import replace

from densing_pipeline.hub.parameters import classic, decoder, gemma, sparse, ssm
from densing_pipeline.hub.parameters.config import (
    Config,
    UnreadableConfigError,
    class_defaults,
)
from densing_pipeline.hub.parameters.parts import Parts
from densing_pipeline.hub.parameters.recipes import RECIPES

FORMULAS: dict[str, Callable[[Config], Parts]] = {
    "bloom": classic.bloom,
    "chatglm": classic.chatglm,
    "dbrx": classic.dbrx,
    "deepseek_ref": sparse.deepseek_v4,
    "deepseek_v4": sparse.deepseek_v4,
    "falcon": classic.falcon,
    "falcon_h1": ssm.falcon_h1,
    "falcon_mamba": ssm.mamba,
    "gemma3n_text": gemma.gemma3n,
    "gemma4_text": gemma.gemma4,
    "gpt2": classic.gpt2,
    "gpt_bigcode": classic.gpt_bigcode,
    "gpt_neo": classic.gpt_neo,
    "gpt_neox_reward_model": classic.reward_model,
    "granitemoehybrid": ssm.granite_hybrid,
    "jamba": ssm.jamba,
    "kimi_linear": sparse.kimi_linear,
    "lfm2": ssm.lfm2,
    "lfm2_moe": ssm.lfm2,
    "mamba": ssm.mamba,
    "mamba2": ssm.mamba2,
    "mimo_v2_flash": sparse.mimo_v2,
    "minicpm": classic.minicpm,
    "minimax_m3": sparse.minimax_m3,
    "minimax_m3_vl_text": sparse.minimax_m3,
    "mpt": classic.mpt,
    "nemotron-nas": classic.nemotron_nas,
    "nemotron_h": ssm.nemotron_h,
    "opt": classic.opt,
    "phi-msft": classic.phi_msft,
    "qwen": classic.qwen,
    "qwen3_5_moe_text": ssm.qwen_next,
    "qwen3_5_text": ssm.qwen_next,
    "qwen3_next": ssm.qwen_next,
    "stablelm": classic.stablelm,
    "stablelm_epoch": classic.stablelm,
}
"""Families with a formula of their own; the rest are recipes."""

SAME_AS = {
    "gemma3": "gemma3_text",
    "gemma3n": "gemma3n_text",
    "gemma4": "gemma4_text",
    "llama4": "llama4_text",
    "qwen3_5": "qwen3_5_text",
    "qwen3_5_moe": "qwen3_5_moe_text",
    "qwen3_vl": "qwen3_vl_text",
    "qwen3_vl_moe": "qwen3_vl_moe_text",
    "refinedweb": "falcon",
    "refinedwebmodel": "falcon",
    "glm4v_moe_text": "glm4_moe",
    "glm4v_text": "glm4",
    "mimo_v2": "mimo_v2_flash",
    "qwen2_5_vl": "qwen2",
    "qwen2_5_vl_text": "qwen2",
    "qwen2_vl": "qwen2",
    "qwen2_vl_text": "qwen2",
    "step3p7_text": "step3p7",
    "smollm": "llama",
}
"""Model types of whole multimodal models, and old names, whose text model has another name."""


def supported() -> list[str]:
    """Model types that can be counted from a configuration, sorted."""
    return sorted({*RECIPES, *FORMULAS, *SAME_AS})


def count(config: Config) -> Parts:
    """Parts of the language model a configuration describes.

    Raises:
        UnreadableConfigError: the family is not known, or a size is missing or odd.
    """
    family = SAME_AS.get(config.model_type, config.model_type)
    defaults = config.defaults or class_defaults().get(family, {})
    named = replace(config, model_type=family, defaults=defaults)
    formula = FORMULAS.get(family)
    if formula is not None:
        return formula(named)
    recipe = RECIPES.get(family)
    if recipe is None:
        raise UnreadableConfigError(f"no formula for the family {config.model_type[:60]!r}")
    return decoder.count(named, recipe)
