"""Prompts: the words people may put into one, and what a model accepts."""
