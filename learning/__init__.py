"""Training of any network: stopped and resumed, in folds, by several processes. Knows no waveform and no label."""
