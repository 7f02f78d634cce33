"""Everything that makes videos: one package per provider, each against `bot.ports.Provider`."""
