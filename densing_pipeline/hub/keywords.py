"""Keywords in names, tags and data sets that mark tuned, merged, packed or non-language models.

Only general terms are listed, never the names of single repositories. Not here: how the keywords
are used (`rules`, `pretraining_evidence`).
"""

import re


def words(text: str) -> frozenset[str]:
    """The words of a text that is separated by whitespace."""
    return frozenset(text.split())


TUNED = words(
    """
    instruct instruction instructions inst chat it sft dpo ipo kto ppo grpo orpo simpo cpo
    rl rlhf rlaif rlvr rlhfed rm reward prm orm assistant aligned align tuned finetune
    finetuned finetuning fft ft tuning thinking reasoning reasoner r1 distill iml
    distilled distillation lora qlora dora adapter peft uncensored abliterated abliteration
    heretic roleplay rp erp nsfw storywriter moderation toolcall embedding
    embeddings embed reranker rerank retriever classifier summarizer
    summarization text2sql nl2sql conversational conversation chatbot
    unlearn unlearned unlearning jailbreak selfee
    """
)
"""Name tokens that state how a model was tuned after pretraining."""

TUNING_NAMES = words(
    """
    airoboros alpaca aya baize bagel beluga bloomz camel capybara chronos codeup codebooga dolly
    dolphin fastchat fimbulvetr flan flant5 giraffe guanaco hermes holodeck huginn
    jiutian kimiko kunoichi koala legalkit limarp longchat longlora lumimaid magicoder manticore
    marcoroni medalpaca metamath minotaur mt0 mythalion mytholite mythologic mythomax
    mythomist neuralbeagle neuralchat neuralhermes nous noromaid notus notux oasst openassistant
    openchat openhermes openorca opencodeinterpreter orca platypus psyfighter puffin pygmalion sakura
    samantha saiga sharegpt shinen skein slimorca smaug spicyboros stablebeluga stablevicuna starchat
    starling stheno synthia t0pp tess tiefighter tulu ultrachat ultralm ultrarm vicuna wizard
    wizardcoder wizardlm wizardmath wizardlm2 xp3 xp3mt xwin yarn zephyr
    """
)
"""Name tokens for tuning data, tuning recipes and well-known families of tuned models."""

TUNED_STATED = words(
    """
    instruct instruction instructions inst chat it sft dpo ipo kto ppo grpo orpo simpo cpo rlhf rlaif
    aligned finetune finetuned finetuning assistant
    """
)
"""Name tokens that state a general stage of tuning; the others are also parts of product names."""

TUNED_WEAKLY = words(
    """
    agent agentic bot command cot critic delta dialog dialogue function guard helpful judge persona qa rag safe
    safety shield sql think tool tools translate translation translator verifier
    medqa vlm
    """
)
"""Name tokens that are weaker evidence of tuning, because they have other meanings too."""

TUNED_INSIDE = re.compile(
    r"instruct|finetun|fine-tun|uncensor|abliterat|rlhf|alpaca|vicuna|(?<![a-z])chat|chat(?![a-z])"
)
"""Tuning terms inside longer words; an explicit base word (`SURELY_BASE`) overrides them."""

SURELY_BASE = words(
    """
    base pretrain pretrained pretraining foundation basemodel scratch
    """
)
"""Name tokens that state that a model is only pretrained."""

BASE = SURELY_BASE | {"pt"}
"""`SURELY_BASE` and the ambiguous `pt`: pretrained, PyTorch or Portuguese."""

MERGED = words(
    """
    merge merged merges mergekit moerge slerp ties dare dareties frankenmerge frankenmoe
    passthrough soup fusion blend clown moerges breadcrumbs stock beyonder selfmerge megamerge
    frankenstein mixtrix evolved upscaled
    """
)
"""Name tokens of merged models."""

PACKED = words(
    """
    gguf ggml gptq awq exl2 exl3 hqq aqlm quip eetq bnb int4 int8 int3 int2 fp8 fp4 nf4
    nvfp4 mxfp4 mxfp8 w4a16 w8a8 w8a16 4bit 8bit 3bit 2bit 6bit 5bit quantized quantised
    quant quants imatrix autoround mlx onnx openvino coreml ctranslate2 ct2 tflite mlc rknn
    marlin q4 q5 q6 q8 qat bitsandbytes smoothquant exllama exllamav2
    """
)
"""Name tokens of quantised or converted copies."""

PRUNED = words(
    """
    pruned prune pruning reap sparse sheared minitron
    """
)
DISTILLED = words(
    """
    distill distilled distillation distil
    """
)

OTHER_FIELDS_NAMED = words(
    """
    ocr tts asr speech audio music midi vla protein prot dna rna genome molecule smiles llava
    """
)
"""Name tokens of models of other fields than language."""

NOT_A_MODEL = words(
    """
    dummy random testing toy untrained placeholder draft eagle eagle3 speculator medusa
    """
)
"""Name tokens of test fixtures and of draft models for speculative decoding."""

TUNED_TAGS = words(
    """
    trl sft dpo orpo kto grpo ppo rlhf reward-trainer generated_from_trainer axolotl
    llama-factory unsloth alignment-handbook autotrain instruct instruction-tuned
    instruction-tuning chatbot finetuned fine-tuned finetune fine-tuning roleplay
    uncensored abliterated lora qlora peft function-calling tool-use
    gpt-llm-engine llm-as-judge reward-model instruct-model conversational-ai
    """
)
"""Tags that users and training tools give to tuned models."""

TUNED_TAGS_WEAKLY = words("chat assistant dialogue reasoning distillation instruction merged-lora")
"""Tags that are weaker evidence of tuning, because they often name a topic instead."""

MERGED_TAGS = words(
    """
    merge mergekit lazymergekit moerge frankenmerge frankenmoe mixture-merge
    """
)

PACKED_TAGS = words(
    """
    gguf ggml gptq awq exl2 exl3 hqq aqlm mlx 4-bit 8-bit bitsandbytes compressed-tensors
    quantized quantization llama.cpp llama-cpp autoquant openvino onnx-quantized nvfp4 mxfp4
    auto-round modelopt
    """
)

OTHER_FIELDS = words(
    """
    biology protein dna rna genomics chemistry molecule music audio speech tts
    text-to-speech time-series robotics vla ocr image-generation diffusers stable-diffusion
    text-to-image
    """
)
"""Tags of models whose sequences are not language, whatever their architecture."""

OTHER_FIELDS_DATA = re.compile(
    r"(?<![a-z0-9])(uniref|ur(50|90|100)|uniprot|swiss-?prot|pfam|openproteinset|pubchem|chembl"
    r"|zinc\d*|genomes?|lakh|maestro|midi)(?![a-z])",
    re.IGNORECASE,
)
"""Pattern of names of data sets of proteins, molecules, genomes and music."""

TUNING_DATA = re.compile(
    r"alpaca|instruct|dpo(?![a-z])|(?<![a-z])sft(?![a-z])|oasst|sharegpt|open-?orca|slim-?orca"
    r"|preference|rlhf|ultrafeedback|ultrachat|dolly|metamath|wizardlm|evol[-_]|no_robots|capybara"
    r"|roleplay|openhermes|magpie|tulu|self-cognition|nemotron-post|(?<![a-z])open-r1|nectar"
    r"|platypus|xp3|(?<![a-z])flan(?![a-z])|hh-rlhf|airoboros|glaive|lmsys-chat|distill",
    re.IGNORECASE,
)
"""Pattern of names of data sets for tuning."""

CORPUS = words("corpus corpora")
"""Words in names of data sets for tuning with which they may also be for pretraining."""

TUNING_DATA_WEAK = words(
    """
    chat assistant conversation conversations dialog dialogs dialogue feedback function functions
    gsm8k guard hermes lima orca persona reason reasoning thought thoughts
    """
)
"""Words in names of data sets that may be for tuning; weaker evidence."""

PRETRAINING_DATA = re.compile(
    r"(?<![a-z])(c4|mc4|the_?pile|pile|minipile|red-?pajama|slim-?pajama|fine-?web|dolma|dolmino"
    r"|refinedweb|starcoderdata|the-?stack|dclm|oscar|cosmopedia|culturax|openwebtext|tiny-?stories"
    r"|madlad|hplt|nemotron-(cc|pretrain)|finepdfs|proof-pile|common-?crawl|cc100|cci|skypile"
    r"|wanjuan|chinesewebtext|common-?corpus|common-?pile|txt360|ultra-?fineweb|roots|commoncrawl"
    r"|pretrain(ing)?|pre-training|zyda|essential-web|smollm-corpus|macocu|wura)"
    r"(?![a-z])",
    re.IGNORECASE,
)
"""Pattern of names of pretraining corpora."""

PRETRAINED_TAGS = words(
    """
    pretrained pre-trained pretraining pre-training base-model base_model foundation-model
    foundation_model foundation from-scratch
    """
)
"""Tags that state that a model is only pretrained."""

CONTINUED_TAGS = words("continual-pretraining continued-pretraining continual-pre-training cpt")
CONTINUED = words("adapted cpt swallow rho llemma yarn longlora ruadapt continued continual")
"""Name tokens and tags of models whose training continues from another model's weights."""

MERGED_WEAKLY = words("fusion stock blend soup ties clown evolved upscaled passthrough")
"""Name tokens of merged models that have other meanings too."""

TOPICS = words("biology chemistry molecule music genomics")
"""Members of `OTHER_FIELDS` that also tag language models as a topic of their data."""

CORPORA_NAMED = re.compile(
    r"(?<![a-z])(c4|pile|redpajama|slimpajama|fineweb|fineweb-?edu|dolma|refinedweb|falcon-and-cc|dclm"
    r"|oscar|openwebtext|tinystories|cosmopedia|zyda|hplt|nemotron-cc|proof-?pile|starcoderdata)"
    r"(?![a-z])",
    re.IGNORECASE,
)
"""Pattern of names of corpora, as models of an ablation series carry them."""

ABLATION = words("ablation ablations sweep ladder")
"""Name tokens of models trained to compare data or settings."""

CHECKPOINT = re.compile(
    r"(?<![a-z0-9])((steps?|iters?)[-_]?(\d{3,}|\d+k)|(stage|epoch)[-_]?\d+)(?![a-z])"
    r"|(?<![a-z])(intermediate|checkpoints?|ckpts?)(?![a-z])",
    re.IGNORECASE,
)
"""Pattern of names of checkpoints saved during training."""

EXPERTS_OF = re.compile(r"(?<![0-9a-z])(\d+x\d+(?:\.\d+)?[bm])(?![0-9a-z])", re.IGNORECASE)
"""Number of experts times size (`8x7b`), as in names of mixtures merged from finished models."""

_EDGES = re.compile(r"[^0-9A-Za-z]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def name_parts(name: str) -> list[str]:
    """The parts of a name between punctuation, in the name's own case."""
    return [word for word in _EDGES.split(name[:400]) if word]


def tokens(name: str) -> frozenset[str]:
    """The words of a name, lower case: split at punctuation, and again where capitals start.

    A word that ends in digits is included without them too: `platypus2` and `platypus`.
    """
    parts = name_parts(name)
    split = [part for word in parts for part in _CAMEL.split(word)]
    whole = {word.lower() for word in (*parts, *split)}
    return frozenset(whole | {bare for word in whole if (bare := word.rstrip("0123456789"))})
