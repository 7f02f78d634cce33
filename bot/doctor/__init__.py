"""The doctor: checks that each say what is true, why it matters, and how to fix it."""
