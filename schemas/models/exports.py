"""The forms in which a version leaves the system."""

from __future__ import annotations

from typing import Literal

ExportForm = Literal["onnx", "python"]
"""A file for ONNX Runtime; or a folder with the artifact, and a program that answers with it."""
