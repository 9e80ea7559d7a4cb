"""The ways price lists write one model's name, and one normal form to compare them in.

Every step here keeps the identity of the model: prefixes, separators, case. Steps that may change
it (dates, variants) are rules of `links`.
"""

import re

ORGANISATIONS = {
    "ai21": "ai21labs",
    "alibaba": "qwen",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "cohere": "coherelabs",
    "cohere_chat": "coherelabs",
    "cohereforai": "coherelabs",
    "deepseek": "deepseek-ai",
    "fireworks_ai": "fireworks",
    "ibm": "ibm-granite",
    "meta": "meta-llama",
    "minimax": "minimaxai",
    "mistral": "mistralai",
    "moonshot": "moonshotai",
    "text-completion-codestral": "mistralai",
    "text-completion-openai": "openai",
    "thudm": "zai-org",
    "together_ai": "together",
    "xai": "x-ai",
    "z-ai": "zai-org",
    "zai": "zai-org",
    "zhipuai": "zai-org",
}
"""Organisations that price lists write in several ways, by lower-case name."""

SELLERS = {
    "ai21": ("ai21labs",),
    "alibaba": (
        *("alibabacn", "alibabacloud", "dashscope", "qwen", "qwenaiplatform", "qwencloud"),
        *("alibabacodingplan", "alibabacodingplancn"),
    ),
    "amazon": (
        *("amazonbedrock", "amazonnova", "aws", "bedrock", "bedrockconverse", "bedrockmantle"),
        *("nova", "sagemaker"),
    ),
    "azure": ("azureai", "azureanthropic", "azurecognitiveservices", "azuretext", "microsoft"),
    "cloudflare": ("cloudflareaigateway", "cloudflareworkersai"),
    "cohere": ("coherechat", "cohereforai", "coherelabs"),
    "deepseek": ("deepseekai",),
    "featherless": ("featherlessai",),
    "fireworks": ("fireworksai", "fireworksaiembeddingmodels", "huggingfacefireworksai"),
    "friendli": ("friendliai",),
    "githubcopilot": ("githubmodels",),
    "gmicloud": ("gmi",),
    "google": (
        *("gemini", "googleaistudio", "googlevertex", "googlevertexanthropic", "palm", "vertex"),
        *("vertexai", "vertexaiai21models", "vertexaianthropicmodels", "vertexaichatmodels"),
        *("vertexaicodechatmodels", "vertexaicodetextmodels", "vertexaideepseekmodels"),
        *("vertexailanguagemodels", "vertexaillamamodels", "vertexaiminimaxmodels"),
        *("vertexaimistralmodels", "vertexaimoonshotmodels", "vertexaiopenaimodels"),
        *("vertexaiqwenmodels", "vertexaitextmodels", "vertexaivisionmodels", "vertexaizaimodels"),
    ),
    "ibm": ("ibmgranite", "watsonx"),
    "inception": ("textcompletioninception",),
    "lambda": ("lambdaai",),
    "meta": ("llama", "metallama"),
    "minimax": ("minimaxai", "minimaxcn", "minimaxcncodingplan", "minimaxcodingplan"),
    "mistral": ("codestral", "mistralai", "textcompletioncodestral"),
    "moonshot": ("kimiforcoding", "moonshotai", "moonshotaicn"),
    "nebius": ("huggingfacenebius", "nebiusaistudio", "nebiustokenfactory"),
    "novita": ("huggingfacenovita", "novitaai"),
    "openai": ("openaidecisions", "textcompletionopenai"),
    "perplexity": ("perplexityagent",),
    "siliconflow": ("siliconflowcn",),
    "stepfun": ("stepfunai",),
    "tencent": ("tencentcodingplan", "tencenttokenhub"),
    "together": ("huggingfacetogether", "togetherai", "togethercomputer"),
    "vercel": ("v0", "vercelaigateway"),
    "xiaomi": ("xiaomimimo", "xiaomitokenplanams", "xiaomitokenplancn", "xiaomitokenplansgp"),
    "zai": ("bigmodel", "thudm", "zaicodingplan", "zaiorg", "zhipuai", "zhipuaicodingplan"),
} | {
    name: (f"huggingface{name}",)
    for name in ("cerebras", "groq", "hyperbolic", "nscale", "ovhcloud", "publicai", "sambanova")
}
"""Who sells, and the provider names that price lists have for it besides its own; all without case
and separators. One company counts once, whatever product it sells through."""

_SELLER_BY_NAME = {name: seller for seller, names in SELLERS.items() for name in names}

_DOTTED_ORGANISATIONS = frozenset(
    {"amazon", "anthropic", "deepseek", "google", "meta", "mistral", "moonshotai", "nvidia"}
    | {"openai", "qwen", "writer", "zai"}
)
_REGION = re.compile(r"^(global|regional|us|eu|apac)\.")
_CLOUD_VERSION = re.compile(r"(-v?\d+)?:\d+$")
_FAMILY_DIGIT = re.compile(r"\b(llama|qwen|gemma|phi|mistral)(?=\d)")
_P_DECIMAL = re.compile(r"(?<=\d)p(?=\d)")
_VERSION_V = re.compile(r"(?<=[-/])v(?=\d)")
_SEPARATORS = re.compile(r"[-._\s]+")


def organisation(name: str) -> str:
    """The one spelling of an organisation's name."""
    lower = name.lower()
    return ORGANISATIONS.get(lower, lower)


def seller(provider: str) -> str:
    """The company behind a provider's name; lists spell one company in several ways.

    What stands after a slash says how it serves (`deepinfra/fp8`), not who.
    """
    name = _SEPARATORS.sub("", provider.lower().partition("/")[0])
    return _SELLER_BY_NAME.get(name, name)


def split(provider: str, model: str) -> tuple[str | None, str]:
    """The organisation an offer name states, if any, and the name without what providers add.

    `@cf/meta/llama-3-8b-instruct` and the cloud's `regional.meta.llama3-8b-instruct-v1:0` both say
    meta-llama; the digits after the colon are the cloud's own revision, not the model's.
    """
    name = _REGION.sub("", model.removeprefix("~").removeprefix("@cf/"))
    *path, name = name.split("/")
    stated = path[-1] if path else None
    head, dot, tail = name.partition(".")
    if not path and dot and head.lower() in _DOTTED_ORGANISATIONS:
        stated, name = head, _CLOUD_VERSION.sub("", tail)
    return (
        None if stated is None else organisation(stated),
        name.removeprefix(f"{provider}-") or name,
    )


def normal(name: str) -> str:
    """A model name without case, separators and the makers' spelling habits.

    `Meta-Llama-3.1-8B-Instruct`, `llama-v3p1-8b-instruct` and `llama3-1-8b-instruct` are one name.
    """
    text = _P_DECIMAL.sub(".", name.lower())
    text = _FAMILY_DIGIT.sub(r"\1-", text.removeprefix("meta-"))
    return _SEPARATORS.sub("-", _VERSION_V.sub("", text)).strip("-")
