"""The verbs of `triage`, a file each. Heavy imports stand inside the verbs, so that `triage --help` is quick."""
