"""Files written atomically."""
