"""Settings: one typed tree, read once at the start; what is wrong is said before anything is touched."""

from bot.settings.describe import describe
from bot.settings.load import load_settings
from bot.settings.schema import Settings

__all__ = ["Settings", "describe", "load_settings"]
