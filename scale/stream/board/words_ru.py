"""The texts of the board in Russian, by those in English."""

RUSSIAN: dict[str, str] = {}
