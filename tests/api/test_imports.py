import os
import subprocess
import sys

import pytest

TRAINING = ("torch", "transformers", "datasets", "sklearn", "scipy", "onnx", "pyarrow")


def test_serving_loads_no_training_library() -> None:
    code = f"import sys, api.app, api.server, api.cli; print([m for m in {TRAINING} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "module", ["api.app", "api.cli", "evaluation.score_store", "model.export", "training.pipeline"]
)
def test_the_runtime_is_told_to_report_to_nobody_before_it_is_loaded(module: str) -> None:
    code = f"""
import os, sys

class Watch:
    def find_spec(self, name, path, target=None):
        if name == "onnxruntime":
            print("loaded with", os.environ.get("ORT_DISABLE_TELEMETRY"))

sys.meta_path.insert(0, Watch())
import {module}
import model.session
"""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert found.stdout.strip() == "loaded with 1"
