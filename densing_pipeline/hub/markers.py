"""Words that names, tags and data sets of tuned, merged, packed or non-language models carry.

Only words of the trade are here, never the names of single repositories. Not here: how much a
word weighs (`classify`).
"""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TUNED = _words(
    """
    instruct instruction instructions inst chat it sft dpo ipo kto ppo grpo orpo simpo cpo
    rl rlhf rlaif rlvr rlhfed rm reward prm orm assistant aligned align tuned finetune
    finetuned finetuning ft tuning think thinking reasoning reasoner r1 cot distill
    distilled distillation lora qlora dora adapter peft alpaca dolly oasst sharegpt
    ultrachat orca uncensored abliterated abliteration heretic roleplay rp erp nsfw
    storywriter guard moderation toolcall tools tool function agent agentic embedding
    embeddings embed reranker rerank retriever classifier critic judge verifier translate
    translation translator summarizer summarization sql text2sql nl2sql qa rag medqa
    conversational conversation dialogue dialog chatbot bot
    persona unlearn unlearned jailbreak safety helpful vicuna zephyr guanaco platypus dolphin hermes openhermes openorca slimorca capybara
    """
)
"""Tokens of names of models tuned after pretraining, recipes and tuning data among them."""

TUNED_INSIDE = (
    "instruct",
    "chat",
    "finetun",
    "uncensor",
    "abliterat",
    "alpaca",
    "vicuna",
    "rlhf",
    "guard",
    "shield",
)
"""The same inside longer words; an explicit base word outweighs these."""

SURELY_BASE = _words(
    """
    base pretrain pretrained pretraining foundation basemodel
    """
)
"""Tokens that say outright that a model is only pretrained."""

BASE = SURELY_BASE | {"pt"}
"""With `pt`, which means pretrained to some and PyTorch or Portuguese to others."""

MERGED = _words(
    """
    merge merged merges mergekit moerge slerp ties dare dareties frankenmerge frankenmoe
    passthrough soup fusion blend clown moerges breadcrumbs stock
    """
)
"""Tokens of names of merges."""

PACKED = _words(
    """
    gguf ggml gptq awq exl2 exl3 hqq aqlm quip eetq bnb int4 int8 int3 int2 fp8 fp4 nf4
    nvfp4 mxfp4 mxfp8 w4a16 w8a8 w8a16 4bit 8bit 3bit 2bit 6bit 5bit quantized quantised
    quant quants imatrix autoround mlx onnx openvino coreml ctranslate2 ct2 tflite mlc rknn
    marlin q4 q5 q6 q8 qat bitsandbytes smoothquant exllama exllamav2
    """
)
"""Tokens of names of quantised or converted copies."""

PRUNED = _words(
    """
    pruned prune pruning reap sparse sheared
    """
)
DISTILLED = _words(
    """
    distill distilled distillation distil
    """
)

OTHER_FIELDS_NAMED = _words(
    """
    ocr tts asr speech audio music vla protein dna rna genome molecule smiles llava
    """
)
"""Tokens of names of such models."""

NOT_A_MODEL = _words(
    """
    dummy random testing toy untrained placeholder draft eagle eagle3 speculator medusa
    """
)
"""Tokens of names of test fixtures and of helpers for decoding."""

TUNED_TAGS = _words(
    """
    trl sft dpo orpo kto grpo ppo rlhf reward-trainer generated_from_trainer axolotl
    llama-factory unsloth alignment-handbook autotrain instruct instruction-tuned
    instruction-tuning chat chatbot finetuned fine-tuned finetune fine-tuning roleplay
    uncensored abliterated lora qlora peft reasoning function-calling tool-use distillation
    gpt-llm-engine llm-as-judge reward-model instruct-model
    assistant conversational-ai dialogue
    """
)
"""Tags that people and training tools put on tuned models."""

MERGED_TAGS = _words(
    """
    merge mergekit lazymergekit moerge frankenmerge frankenmoe mixture-merge
    """
)

PACKED_TAGS = _words(
    """
    gguf ggml gptq awq exl2 exl3 hqq aqlm mlx 4-bit 8-bit bitsandbytes compressed-tensors
    quantized quantization llama.cpp llama-cpp autoquant openvino onnx-quantized nvfp4 mxfp4
    auto-round modelopt
    """
)

OTHER_FIELDS = _words(
    """
    biology protein dna rna genomics chemistry molecule music audio speech tts
    text-to-speech time-series robotics vla ocr image-generation diffusers stable-diffusion
    text-to-image
    """
)
"""Tags of models whose sequences are not language, whatever their architecture."""

TUNING_DATA = re.compile(
    r"alpaca|instruct|chat|dpo|sft|oasst|sharegpt|orca|preference|rlhf|feedback|thought|reason"
    r"|conversation|distill|dolly|function|gsm8k|metamath|wizard|evol|no_robots|capybara|roleplay"
    r"|dialog|persona|assistant|hermes|magpie|tulu|lima|self-cognition|nemotron-post|open-r1|nectar",
    re.IGNORECASE,
)
"""What data sets for tuning are called."""

LINES = {
    "baichuan": ("baichuan-inc",),
    "bloom": ("bigscience",),
    "chatglm": ("zai-org", "thudm"),
    "codellama": ("codellama", "meta-llama"),
    "deepseek": ("deepseek-ai",),
    "ernie": ("baidu",),
    "exaone": ("lgai-exaone",),
    "falcon": ("tiiuae",),
    "gemma": ("google",),
    "glm": ("zai-org", "thudm"),
    "gpt2": ("openai-community", "openai"),
    "gptj": ("eleutherai",),
    "granite": ("ibm-granite",),
    "hunyuan": ("tencent",),
    "internlm": ("internlm",),
    "jamba": ("ai21labs",),
    "kimi": ("moonshotai",),
    "lfm": ("liquidai",),
    "llama": ("meta-llama", "facebook", "huggyllama"),
    "minicpm": ("openbmb",),
    "minimax": ("minimaxai",),
    "ministral": ("mistralai",),
    "mistral": ("mistralai",),
    "mixtral": ("mistralai",),
    "mpt": ("mosaicml",),
    "nemotron": ("nvidia",),
    "neox": ("eleutherai",),
    "olmo": ("allenai",),
    "opt": ("facebook",),
    "phi": ("microsoft",),
    "pythia": ("eleutherai",),
    "qwen": ("qwen",),
    "smollm": ("huggingfacetb",),
    "solar": ("upstage",),
    "stablelm": ("stabilityai",),
    "starcoder": ("bigcode",),
    "tinyllama": ("tinyllama",),
    "yi": ("01-ai",),
}
"""Lines of models and who pretrains them. Another's line in a name speaks of a derived model."""

_EDGES = re.compile(r"[^0-9A-Za-z]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def tokens(name: str) -> frozenset[str]:
    """The words of a name, lower case: split at punctuation, and again where capitals start."""
    words = [word for word in _EDGES.split(name[:400]) if word]
    split = [part for word in words for part in _CAMEL.split(word)]
    return frozenset(word.lower() for word in (*words, *split))


def lines(model_id: str) -> tuple[set[str], set[str]]:
    """The lines a repository's name carries: its owner's own, and other organisations'.

    Version digits are cut off (`llama3` is of the line `llama`); words inside longer ones do not
    count, for `openllama` is a line of its own.
    """
    owner, _, name = model_id[:400].lower().rpartition("/")
    words = {word.rstrip("0123456789") for word in _EDGES.split(name.replace("gpt2", "gpt2x"))}
    words = {"gpt2" if word == "gpt2x" else word for word in words}
    named = words & LINES.keys()
    own = {line for line in named if owner in LINES[line]}
    return own, named - own
