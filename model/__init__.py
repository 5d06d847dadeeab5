import os

# onnxruntime reports its use to its maker, from 1.29 on under Linux too, unless this stands there before it is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
