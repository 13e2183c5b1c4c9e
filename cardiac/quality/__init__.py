"""When not to trust a tracing: what its windows, beats, limb leads and electrodes show, as reasons in words."""
