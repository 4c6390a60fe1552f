"""ONNX and QONNX files: from the nodes of a file to layers in real numbers."""
