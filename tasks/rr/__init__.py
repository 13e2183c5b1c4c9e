"""The detector of anomalies in RR intervals: spikes of the rhythm, as the CardioSpike case marks them."""
