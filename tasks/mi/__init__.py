"""Infarction on 12 leads: is there one, and at which of six sites."""

from pathlib import Path

BUNDLE = Path(__file__).resolve().parents[2] / "checkpoints/mi/hybrid"  # what is taken where no other is named
