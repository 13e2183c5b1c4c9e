"""What a cardiologist measures: the median beat and its waves lead by lead, intervals, axes, and their usual ranges."""
