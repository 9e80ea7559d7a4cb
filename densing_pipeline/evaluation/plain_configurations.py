"""Configuration classes for architectures whose own classes are only code in repositories.

vLLM implements these architectures, and needs nothing of their configuration but the values that
`config.json` states. A class without defaults takes them as they are, so that no code of a repository
is run. `hub.architectures.PLAIN` lists them; `tests/engine` loads each. Imported only with vLLM, for it
imports transformers. Not here: starting the engine (`vllm_engine`).
"""

from transformers import AutoConfig, PreTrainedConfig


class BailingMoe(PreTrainedConfig):
    """Ling of inclusionAI, first generation."""

    model_type = "bailing_moe"
    head_dim = None
    """Width of an attention head; that of the model over the number of heads if it is not stated."""


class BailingMoeV2(PreTrainedConfig):
    """Ling and Ring 2.0 of inclusionAI."""

    model_type = "bailing_moe_v2"


class Deepseek(PreTrainedConfig):
    """DeepSeekMoE, the first mixture of DeepSeek, and others of its architecture."""

    model_type = "deepseek"


class MiMo(PreTrainedConfig):
    """MiMo of Xiaomi: Qwen2 with extra prediction layers."""

    model_type = "mimo"


class MiniCPM(PreTrainedConfig):
    """MiniCPM of OpenBMB, without the latent attention of MiniCPM3."""

    model_type = "minicpm"


CLASSES: tuple[type[PreTrainedConfig], ...] = (BailingMoe, BailingMoeV2, Deepseek, MiMo, MiniCPM)
"""The classes, each the only one of its model type. They are module-level classes, because vLLM passes
configurations on to processes of its own."""


def register() -> None:
    """Make the classes known to transformers, which vLLM reads configurations with."""
    for each in CLASSES:
        AutoConfig.register(each.model_type, each, exist_ok=True)
