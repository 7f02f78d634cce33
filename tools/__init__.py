"""Scripts for those who work on Reelbot; nothing here is installed."""
