"""Infarction on 12 leads: is there one, and at which of six sites."""
