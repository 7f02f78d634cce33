"""Pictures and videos: checking, normalising, measuring, fetching. Everything that decodes runs in a process of its own.

Belongs here: what needs a codec, and the processes codecs run in. Not here: what a provider or a chat wants done.
"""
