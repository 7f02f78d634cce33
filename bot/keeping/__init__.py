"""Keeping and forgetting: how long things stay, who may have them erased, and the sweeper that does it."""
