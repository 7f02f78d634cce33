"""THE OUTSIDE: chats, providers, engines, media. Adapters of one kind never import each other, none imports `storage`."""
