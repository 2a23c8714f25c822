"""Fitted pipelines as plans, which give the same bits as scikit-learn faster."""
