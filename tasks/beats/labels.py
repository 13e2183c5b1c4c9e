"""The five classes of ANSI/AAMI EC 57, what the MIT-BIH database's symbols are in them, and who trains and who tests."""

CLASSES = ("N", "S", "V", "F", "Q")
OF_CLASS = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}  # symbols of WFDB's annotations
CLASS_OF = {symbol: index for index, name in enumerate(CLASSES) for symbol in OF_CLASS[name]}

# De Chazal et al. 2004 (IEEE TBME 51:1196): no patient is in both but the one of 201 and 202, which they left so.
DS1 = (
    "101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122", "124", "201", "203", "205", "207", "208",
    "209", "215", "220", "223", "230",
)  # fmt: skip
DS2 = (
    "100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210", "212", "213", "214", "219", "221", "222",
    "228", "231", "232", "233", "234",
)  # fmt: skip
PACED = ("102", "104", "107", "217")  # left out, as EC 57 has it
