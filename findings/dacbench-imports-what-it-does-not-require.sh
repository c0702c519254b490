#!/usr/bin/env bash
# DACBench 0.5.6: no benchmark of its wheel can be imported after `pip install dacbench`, Luby and Sigmoid included.
#
# `dacbench/envs/__init__.py` imports the environment of SGD, which imports torch and torchvision. The wheel requires them only with the extra
# `all`, so `pip check` finds nothing missing. Other environments of that file, such as that of CMA-ES, are left out with a warning where their
# packages are missing; this one is not.
#
# Seen: `import dacbench` raises `ModuleNotFoundError` for torch; with torch alone for torchvision.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet DACBench==0.5.6
"$folder/venv/bin/pip" check
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
try:
    import dacbench
except ModuleNotFoundError as error:
    print("ModuleNotFoundError:", error.name)
    assert error.name in ("torch", "torchvision"), error
else:
    raise SystemExit("it can be imported now")
PYTHON
