"""Who pretrains language models, and whose line of models a name carries.

Namespaces of the Hub, lower case, of organisations known to have published models they pretrained
themselves. Being listed proves nothing of a single repository: most of them publish chat models too.
Not here: the words of names and tags (`keywords`), and what an entry is worth (`pretraining_evidence`).
"""

from densing_pipeline.hub.keywords import name_parts, words

MODEL_LINES = {
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
    "granite": ("ibm-granite", "ibm"),
    "hunyuan": ("tencent", "tencent-hunyuan"),
    "internlm": ("internlm",),
    "jamba": ("ai21labs",),
    "kimi": ("moonshotai",),
    "lfm": ("liquidai",),
    "llama": ("meta-llama", "facebook", "huggyllama", "huggingface"),
    "minicpm": ("openbmb",),
    "minimax": ("minimaxai",),
    "ministral": ("mistralai",),
    "mistral": ("mistralai", "mistral-community"),
    "mixtral": ("mistralai", "mistral-community"),
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

ARCHITECTURES = frozenset({"gpt2", "gptj", "mpt", "neox"})
"""Lines whose names say more of the architecture, which many train from scratch, than of weights."""

ARCHITECTURES_TOO = ARCHITECTURES | {"llama", "olmo", "opt", "phi"}
"""Lines that some train from scratch in sizes of their own."""

PRETRAINERS = words(
    """
    01-ai 42dot abeja adept ai-forever ai-sage ai-sweden-models ai21labs aisingapore aleph-alpha
    allenai almanach almawave amazon amd apple arcee-ai baai baichuan-inc baidu bharatgenai
    bigcode bigscience bsc-lt bytedance bytedance-seed cerebras codellama codeparrot cofeai
    cohereforai coherelabs common-pile core42 croissantllm cyberagent databricks dbmdz deci
    deepseek-ai eleutherai essentialai etri-lirs facebook fastweb flax-community fnlp google
    h2oai hplt huggingface huggingfacefw huggingfacetb huggyllama ibm ibm-ai-platform ibm-fms
    ibm-granite ibm-research idea-ccnl inception-mbzuai inceptionai inclusionai indexteam infly
    internlm jetmoe k-intelligence kakaobrain kakaocorp kblab keeeeenw kotoba-tech
    krutrim-ai-labs ku-nlp kwaipilot kyutai langboat lelapa lgai-exaone line-corporation
    liquidai llm-jp llm360 lumiopen m-a-p matsuo-lab meituan-longcat meta-llama microsoft
    minimaxai mistral-community mistralai mlfoundations moonshotai mosaicml motif-technologies
    moxin-org nanbeige naver-hyperclovax nlp-waseda norallm nucleusai nvidia openai
    openai-community openbmb openeurollm opengpt-x openllm-france openlm-research orionstarai
    paddlepaddle pfnet pico-lm pints-ai pleias primeintellect py007 qihoo360 qwen rednote-hilab
    replit rinna roneneldan rwkv salesforce sapienzanlp sarvamai sberbank-ai sbintuitions sdadas
    servicenow-ai skt skywork snowflake soketlabs stabilityai stanford-crfm state-spaces
    stepfun-ai stockmark swiss-ai tele-ai tencent thudm tigerresearch tiiuae tildeai tinyllama
    togethercomputer trillionlabs tucanobr turkunlp uer upstage utter-project vinai vivo-ai
    vngrs-ai wenge-research writer xai-org xiaomimimo xverse yandex yulan-team zai-org zyphra
    """
)
"""Namespaces that have published pretrained models of their own."""


def owner_of(model_id: str) -> str:
    """The namespace of a repository, lower case."""
    return model_id[:400].lower().rpartition("/")[0]


def lines(model_id: str) -> tuple[set[str], set[str]]:
    """The lines a repository's name carries: its owner's own, and other organisations'.

    Version digits are cut off (`llama3` is of the line `llama`); words inside longer ones do not
    count, for `openllama` is a line of its own.
    """
    owner = owner_of(model_id)
    name = model_id[:400].lower().rpartition("/")[2].replace("gpt-j", "gptj")
    found = {"gpt2" if w == "gpt2" else w.rstrip("0123456789") for w in name_parts(name)}
    named = found & MODEL_LINES.keys()
    own = {line for line in named if owner in MODEL_LINES[line]}
    return own, named - own


def line_of_type(model_type: str) -> str | None:
    """The line a model type belongs to, unless many train that architecture from scratch."""
    for line in MODEL_LINES:
        if line not in ARCHITECTURES | {"llama"} and model_type.startswith(line):
            return line
    return None
