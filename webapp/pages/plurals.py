"""Numbers of every grammatical kind, for texts that a script fills in."""

PLURALS = {"one": 1, "few": 2, "many": 5, "other": 5}  # kinds as Intl.PluralRules names them -> a number of each
