"""A detector that the tests make up: the proof that another one is cheap."""
