"""From a trained model to a folder that is used without torch, RecBole or the training data."""
