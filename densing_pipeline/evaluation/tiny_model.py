"""Writes a random Llama of some hundred kilobytes as the Hub would offer it, to try the engine on.

Its scores mean nothing. torch, tokenizers and transformers are imported when it is written.
"""

from pathlib import Path

END = "<|endoftext|>"


def write_tiny_model(folder: Path, context: int = 4096) -> Path:
    """Write the model; its tokenizer knows every byte and a few words.

    Args:
        folder: where, created if needed.
        context: longest context in tokens.

    Returns:
        The folder.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=[END], initial_alphabet=letters)
    tokenizer.train_from_iterator(["1 and 1 is 2.\nAnswer: A\nAnswer: B\n"] * 3, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=256, intermediate_size=512, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=context,
        bos_token_id=None, eos_token_id=fast.eos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder
