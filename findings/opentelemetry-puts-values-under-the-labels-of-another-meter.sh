#!/usr/bin/env bash
# opentelemetry-exporter-prometheus 0.66b2 (Python): where two meters have an instrument of the same name, the second's values stand under the
# first's labels.
#
# A meter is the scope of a name: libraries that do not know of each other may count "steps", each with attributes of its own. The exporter
# puts both into one family and adds the name and the version of the meter as labels, which the specification asks for so that equal names can be
# told apart. But the labels of a family are those of the meter that came first. The values of the second are put under them one by one, in the
# alphabetical order of their own names: that of an optimiser stands under "model", the name of the meter under another label, and those that
# are left over are dropped. The page is well formed, and a query by label gives wrong numbers. Attributes that differ within one meter are
# filled in as they should be; they were once mixed up in the same way, which is issue 3391.
# What to do instead: give all meters the same attributes for a name, or names of their own, or let a collector make the page.
#
# Seen, for a trainer that counts 5 steps with model="mlp": the 7 steps of a worker with optimizer="adam" are shown with model="adam" and no
# optimiser. With task="digits" they have model="worker", no name of a meter and the version "digits". Without labels for meters the model is
# "adam" and "digits". Where the trainer counts both, "adam" is the optimiser.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet opentelemetry-exporter-prometheus==0.66b2 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2 prometheus-client==0.26.0
cat > meters.py <<'PYTHON'
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry, generate_latest


def page(second, attributes, scope_labels):
    """What Prometheus reads of the steps that the trainer counts and a second meter."""
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(registry=registry, disable_target_info=True, scope_info_enabled=scope_labels)
    provider = MeterProvider([reader])
    provider.get_meter("trainer", "1.0").create_counter("steps").add(5, {"model": "mlp"})
    provider.get_meter(*second).create_counter("steps").add(7, attributes)
    for line in generate_latest(registry).decode().splitlines():
        if line.startswith("steps_total"):
            print("  " + line.replace('otel_scope_schema_url="",', ""))


for attributes in [{"optimizer": "adam"}, {"task": "digits"}]:
    for scope_labels in [True, False]:
        print(f"two meters, {attributes}, scope labels {scope_labels}:")
        page(("worker", "2.0"), attributes, scope_labels)
print("one meter:")
page(("trainer", "1.0"), {"optimizer": "adam"}, True)
PYTHON
venv/bin/python meters.py 2> notes.txt | tee seen.txt || { cat notes.txt; exit 1; }
diff seen.txt - <<'WANTED'
two meters, {'optimizer': 'adam'}, scope labels True:
  steps_total{model="mlp",otel_scope_name="trainer",otel_scope_version="1.0"} 5.0
  steps_total{model="adam",otel_scope_name="worker",otel_scope_version="2.0"} 7.0
two meters, {'optimizer': 'adam'}, scope labels False:
  steps_total{model="mlp"} 5.0
  steps_total{model="adam"} 7.0
two meters, {'task': 'digits'}, scope labels True:
  steps_total{model="mlp",otel_scope_name="trainer",otel_scope_version="1.0"} 5.0
  steps_total{model="worker",otel_scope_name="",otel_scope_schema_url="2.0",otel_scope_version="digits"} 7.0
two meters, {'task': 'digits'}, scope labels False:
  steps_total{model="mlp"} 5.0
  steps_total{model="digits"} 7.0
one meter:
  steps_total{model="mlp",optimizer="",otel_scope_name="trainer",otel_scope_version="1.0"} 5.0
  steps_total{model="",optimizer="adam",otel_scope_name="trainer",otel_scope_version="1.0"} 7.0
WANTED
