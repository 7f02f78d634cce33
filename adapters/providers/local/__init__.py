"""The local renderer: a real camera move over the picture, on this machine's processor, free and without an account.

Belongs here: moves, the renderer, its process. Not here: preparing pictures, which happens before any provider.
"""
