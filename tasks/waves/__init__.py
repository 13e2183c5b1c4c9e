"""Where P, QRS and T begin and end: how the core's delineator (cardiac.measurements.wave_network) is trained."""
