"""What the predictions of trainings and of models share."""
