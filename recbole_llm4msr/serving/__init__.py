"""What a trained model is used through, without RecBole, torch or training data."""
