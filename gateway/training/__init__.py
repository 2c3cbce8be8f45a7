"""Training difficulty models: what needs numpy and scikit-learn, the extra `train`."""
