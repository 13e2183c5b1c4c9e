"""Every heartbeat of a recording as N, S, V, F or Q (ANSI/AAMI EC 57)."""
