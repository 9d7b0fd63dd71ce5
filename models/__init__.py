"""The shipped detectors: ONNX files, their description and their training."""
