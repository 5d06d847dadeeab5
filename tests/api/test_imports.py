import subprocess
import sys

TRAINING = ("torch", "transformers", "datasets", "sklearn", "scipy", "onnx", "pyarrow")


def test_serving_loads_no_training_library() -> None:
    code = f"import sys, api.app, api.server, api.cli; print([m for m in {TRAINING} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
