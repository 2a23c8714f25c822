"""Commands for a data scientist's work: sessions, trainings, evaluations, experiments."""
