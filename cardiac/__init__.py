"""The core: arrays in, arrays out. In the order in which data flows:

records -> signals -> windows -> (network) -> decisions -> reports, with labels, folds, metrics and datasets beside.
"""

from cardiac.messages import Message

NOTICE = Message("An aid for research and a second look; not a medical device.")
