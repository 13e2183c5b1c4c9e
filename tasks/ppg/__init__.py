"""Pulse waves (photoplethysmogram) told apart by kind: six rhythms, or whatever a table's Label column names."""
