"""BIG-Bench Hard: 27 tasks, three worked examples before each question, chain of thought.

Suzgun et al. 2022 (arXiv:2210.09261), https://github.com/suzgunmirac/BIG-Bench-Hard. The examples are
the authors' own, read from their prompt files.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.evaluation.scoring import ExactMatch
from densing_pipeline.evaluation.suite.benchmark import (
    Benchmark,
    Fewshot,
    Prompt,
    Record,
    Source,
    Split,
    hashes,
)

CUE = "A: Let's think step by step."

RULE = "-----\n"
"""Ends the first line of a prompt file, which warns against training on it."""

PROMPT = Prompt(
    header="{header}\n\n",
    question=f"Q: {{question}}\n{CUE}\n",
    answer="{reasoning}",
)


def from_task(raw: Mapping[str, Any]) -> Iterator[Record]:
    """A question of a task."""
    yield {"question": raw["input"], "reference": raw["target"].strip()}


def from_prompt_file(raw: Mapping[str, Any]) -> Iterator[Record]:
    """The worked examples of a task's prompt file."""
    header, *examples = raw["text"].partition(RULE)[2].strip().split("\n\nQ: ")
    for example in examples:
        question, reasoning = example.split(CUE)
        yield {
            "header": header.strip(),
            "question": question.strip(),
            "reasoning": reasoning.strip(),
        }


COT = """
b3b14ce3c6d943b9ff7da7771eb4b2b8a209e1f29eb63d77a9c8cb6cfed01204 boolean_expressions
047c8b3d2c78c15b5e1f28396adce799444cac3c50053f92bf2d4abe930bbe8b causal_judgement
bd3c5c7d59ea936fe7e58df487cd93747ada57f51f6abe649662539e3009f06d date_understanding
8e144723585ff8deae026a1f5a5a46ce0b657bd8b7f2ec7520ac747e41dd7977 disambiguation_qa
3c0978c47315b7418a9f95bcdc707adc48baa3e0ea1e9aead180d9d0fd57a2f4 dyck_languages
2774fc269989053bce95e09c1ead02721f78cc28b7d3d39f5cfbf7a0199daffd formal_fallacies
81927d04cb0c6a1e62328440e99826b61813959baa7baf1d64e1c742dd8a89c8 geometric_shapes
9cb6c2bb684882f682aa50cfbf64cedfa9737b93e1de3f46a4dc3df15d64bd5b hyperbaton
35042925c2f29f39881cce74c37208a460931e5dc1e269bae07df49d54cc7700 logical_deduction_five_objects
35042925c2f29f39881cce74c37208a460931e5dc1e269bae07df49d54cc7700 logical_deduction_seven_objects
35042925c2f29f39881cce74c37208a460931e5dc1e269bae07df49d54cc7700 logical_deduction_three_objects
c9b2cb9b936e08a3e865a3b31369af4a25bfa51d9ed7288170539d9d8354fc97 movie_recommendation
1772efcfa19d11150d8d82ab068b7cbfe11786ebc6f2dfddd289bbea2478e642 multistep_arithmetic_two
c5faa853a5fc75b43819bc1fbc41cb1c6a2c6dfebfed2ee4a97e869bf3725365 navigate
827d765c442d76f324d3cd5a5e327feb325533ae35a22c98c8302095bdfef610 object_counting
4f9faf1bf8ce7e632a98642558ec2ec36431693847e548ca9b3096fe6556073c penguins_in_a_table
fdce267d898a9a1eda4f0895bd7966cd4e01e2445806e85c7ee77e8237ced3a4 reasoning_about_colored_objects
ca4db482fdda643e40ce6baf4a172787fdc371c8d7beef1ea989bc9004738a3e ruin_names
e67c5c8963ec87ed0f0f1e1800941925f0e51702ac4a3d7f4e35a7909ecd9bd2 salient_translation_error_detection
caeadcb4441d0f735a5efa563e223ec2997679e86dac125926004dd0cc329f29 snarks
c14274aa9d128c94737a68c885f9255bf1e9e13525bead875346292d8e6c304c sports_understanding
5cf4feed562a37926a2344f6a424829053ef3896876a8469c2d129333c89ab22 temporal_sequences
6936d8e6ca047cff50189a03de17f638741c633397e018852238f53f431a971d tracking_shuffled_objects_five_objects
6936d8e6ca047cff50189a03de17f638741c633397e018852238f53f431a971d tracking_shuffled_objects_seven_objects
6936d8e6ca047cff50189a03de17f638741c633397e018852238f53f431a971d tracking_shuffled_objects_three_objects
a94f9491e6f79b0e74e99097aff5edbb6db59cfb0b359846e3cd0275da026dec web_of_lies
641bdfb067f9dc25356a3ea90bfd0891db9022c8485202a6d9f01210e8fd0a74 word_sorting
"""

TEST = """
155b4ff6af6b950572980fe0091d41cacfead0249d3438ce2a33c46a0cbab1d4 boolean_expressions
02e6cf712c9bf2fb0e64e040c7ce9c3b9b3858596eb90ae372d1e710bab4e999 causal_judgement
0f6bbd4a094306213b2911a567b8d0cc3294143af8eec84b8cd8dfa5442bfea4 date_understanding
364fd3a815a0d9a8d64caa288a4eff267d6c5030c2038da2714ed1798c8c5117 disambiguation_qa
e94ec472949db6c43e4558af4efe18b5c4a1c2bbaa81c244a7f66a12d0017fd7 dyck_languages
433a4d4c66b4c73cb95235c7b4bc3bb1713d9dd17c2cad1d5dfc8bff63840c17 formal_fallacies
5fb579c198d333a8c611a9432c5c4d562c5d9d209c84d7579bec717b21adee80 geometric_shapes
008773e3d3a81a58f48f046debf67e875e9c0c9d90a9202171f11209fda77e12 hyperbaton
42665d8939321081b6f484a77e67fdb2294724092576b5b99edc0d5e5ef4f596 logical_deduction_five_objects
b970ff070c1bc91dcc036665f50396ea5c4fecdaf72c255e1a8acdb69e194c96 logical_deduction_seven_objects
64b14c36f31738506745f9386bb776239197a3a759cebbb1bd778e6fc4c1097e logical_deduction_three_objects
1990c80f3826b84dbf7f93ca96426d81a4138e38d0ce29bacab59636cd250d90 movie_recommendation
782af29e1c9c56fff14e143bcfd7b97889b688905b9be26fdf4f0703dc15377c multistep_arithmetic_two
c598eb3ba2511e0715b1f22bf2853ef6a152bf5dcd11fed9bbc54a5e61691172 navigate
762ed64b09c180bae0aef03d18917fb2b740608a4eaa0993cc8ddd3e1d07d9ae object_counting
de4da1efa258718b89c4bb0ee016590826617eb5cf06f64f93c479a332615b88 penguins_in_a_table
9d8a8d412e95c472a5bdf7a4dc6c37351838ae4573c9b4667e402d1ae05b2b66 reasoning_about_colored_objects
c9c5ab419b48045f223ced1153bcd697a35dbc9c7c9bf1d800a7233a3f98760f ruin_names
7f7da15e699f748606ee19aae8792979ce07e3959a011ed4a3c6defb6cd147cb salient_translation_error_detection
e3f25df53a3d7d7f0721585e276038290feb1b405eb53b54fda5e3699b556ced snarks
aeb245ed3e115f31c0b2e108d081a515ef1a51cdb3575a5fbf13e02e62674c9e sports_understanding
04c0fe586cec04a429bf5b7186b139e115edf8fe878a5e8e435c6cdff8cd8580 temporal_sequences
01e1340f8293538581c35174ecab371756dbaf49eacf0839705b007c285cd044 tracking_shuffled_objects_five_objects
c172cfb389500c62e29b27f20c44e96522fb386db653c9adcbd773b98d8b476b tracking_shuffled_objects_seven_objects
01b814c9c24c1cf8a9c170ecb1ae4c3b4a050ccebf2305327c17dca47aa6ea3e tracking_shuffled_objects_three_objects
fb4f8d828a3031fea771f234397e86e40f0a47bafec7f2e2d71eaf9ae920df2c web_of_lies
9ffc800c9578ecf27c38af0fcf3cce4f9d646061e0fc1f92b28669ff0031a8de word_sorting
"""

JOINED = r"[ \t*,;/&+-]"
ALSO = r"(?:and|or|nor|also|both|either|then|maybe|perhaps|possibly)\b"
"""What stands between options of which an answer names several."""

BBH = Benchmark(
    facts=REGISTRY["BBH"],
    splits=(
        Split(
            "cot",
            (
                Source(
                    "suzgunmirac/BIG-Bench-Hard",
                    "cot-prompts/{part}.txt",
                    from_prompt_file,
                    home="github",
                    revision="d36f314d7b39c6181c2e98cd43daa9fbb7e744e0",
                ),
                Source("BBH", "cot-prompts/{part}.txt", from_prompt_file, home="mirror"),
            ),
            hashes(COT),
        ),
        Split(
            "test",
            (
                Source(
                    "SaylorTwift/bbh",
                    "{part}/test-00000-of-00001.parquet",
                    from_task,
                    revision="b5306be6f827cfafbb545ff5a51f96916029b0fd",
                ),
                Source("BBH", "bbh/{part}.json", from_task, home="mirror"),
            ),
            hashes(TEST),
        ),
    ),
    split="test",
    fewshot=Fewshot("cot", shots=REGISTRY["BBH"].shots),
    prompt=PROMPT,
    kind="generate",
    stops=("\n\n", "\nQ:"),
    max_tokens=1024,
    metric=ExactMatch(
        # An option alone counts, whatever is said after it: "(B), because ..."; of "(A) or (B)" none does. Of any other
        # answer it is the line, without the stars that make it bold.
        r"[Tt]he answer is:? *(?:\*\*)?"
        rf"(\([A-Z]\)(?![^\s.,;:*])(?!{JOINED}*(?:{ALSO}{JOINED}*)*\([A-Z]\))"
        r"|.+?(?=(?:\*\*)?\.?(?:\*\*)?[ \t]*(?:\n|\Z)))"
    ),
    licence="MIT",
)
