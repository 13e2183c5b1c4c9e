"""What a trial of a search asks of Ray Tune, without Ray."""


class Asked:
    """What a trial asks of Ray Tune, and what it told."""

    def __init__(self, folder):
        self.folder, self.told = folder, []

    def get_context(self):
        return self

    def get_trial_dir(self):
        return str(self.folder)

    def report(self, told):
        self.told.append(told)
