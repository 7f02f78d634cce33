"""The command line: `reelbot`. `main` is light; every command imports what it needs when it runs."""
