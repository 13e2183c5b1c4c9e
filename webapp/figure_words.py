"""Words for the figures that a bundle brings along, by their names in its metrics.json: what each is, in plain language."""

from webapp.words import N_

METRICS = {
    "sensitivity": (N_("Sensitivity"), N_("of the ECGs with an infarction, the share in which it is found")),
    "specificity": (N_("Specificity"), N_("of the ECGs without one, the share without a false alarm")),
    "AUC": (
        N_("AUC"),
        N_("how often an ECG with an infarction gets a higher probability than one without; 0.5 would be chance"),
    ),
    "F1": (N_("F1"), N_("the balance of infarctions missed and false alarms; 1 would be neither")),
    "average precision": (
        N_("Average precision"),
        N_("how many of those called an infarction are one, over all thresholds"),
    ),
    "Brier score": (N_("Brier score"), N_("how far the probabilities are from the truth, squared; 0 would be perfect")),
    "expected calibration error": (
        N_("Calibration error"),
        N_("how far a probability lies from how often there is an infarction at it; 0 would be perfect"),
    ),
    "F1 of always infarction": (N_("F1 of always calling an infarction"), N_("the naive program to compare with")),
}
DOUBT = {
    "share uncertain": N_("ECGs that are marked as uncertain"),
    "share without infarction under the band": N_("under the band: share that has no infarction"),
    "share with infarction over the band": N_("over the band: share that has one"),
    "F1 outside the band": N_("F1 outside the band"),
    "F1 inside the band": N_("F1 inside the band"),
}
GROUPS = {
    "men": N_("men"),
    "women": N_("women"),
    "under 65": N_("under 65 years"),
    "65 and over": N_("65 years and over"),
    "flagged noisy": N_("tracings flagged as noisy"),
    "not flagged noisy": N_("tracings not flagged as noisy"),
    "PTB-XL agrees": N_("two groups of cardiologists agree about an infarction"),
    "PTB-XL disagrees": N_("they disagree"),
}
